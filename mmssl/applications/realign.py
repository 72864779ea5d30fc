"""A film with its sound earlier or later: the packets of its pictures and of its sound as they are, other times."""

from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from mmssl.applications.film_writing import PLAYED, Copied, Encoded, carried, check_target, packets, written
from mmssl.data.decode.access import checked
from mmssl.data.decode.limits import Limits
from mmssl.data.decode.pyav import PyAVReader
from mmssl.data.decode.pyav_demux import Track, opened
from mmssl.errors import Fault, MediaError, UsageError


@dataclass(frozen=True)
class Realigned:
    """What was written; `copied` says that no sound was encoded again."""

    pictures: int
    copied: bool


def realign(path: str, out: Path, late: float) -> Realigned:
    """Write a film whose sound was `late` seconds late so that it is not.

    No picture is encoded again. Every stream of sound moves by the same time; it is copied where players take it from
    `out`, else encoded as AAC. Subtitles are left out. Sound that would begin before the film does is not heard.

    Args:
        path: of the film.
        out: file to write, .mp4, .mov or .mkv; it appears when it is complete.
        late: seconds; below 0 for sound that is early.

    Raises:
        UsageError: another ending, the film itself, a picture that `out` cannot hold, or `out` cannot be written.
        MediaError: the film cannot be read to its end, has no picture or no sound, or tells no times.
    """
    check_target(out, [path])
    with PyAVReader().open(path, path) as media, opened(checked(path, path, Limits().size), path) as source:
        video = media.container.video
        if video is None or media.container.audio is None:
            fault = Fault.NO_VIDEO if video is None else Fault.NO_AUDIO
            raise MediaError(path, fault, "without picture and sound there is nothing to align")
        if video.by_dts:
            raise MediaError(path, Fault.BAD_TIMESTAMPS, "AVI stores no times of pictures; convert it to MP4 first")
        with written(out) as container:
            return _write(container, source, path, video, late, out)


def _write(out: Any, source: Any, path: str, video: Track, late: float, place: Path) -> Realigned:
    picture, played = source.streams[video.index], PLAYED[place.suffix.lower()]
    codec = picture.codec_context.codec.canonical_name
    if codec not in out.supported_codecs:
        raise UsageError(f"{place}: cannot hold pictures of {codec} as they are; give a file that ends in .mkv")
    copy = out.add_stream_from_template(picture)
    copy.disposition = picture.disposition
    shift, count = round(-video.zero / picture.time_base), 0
    with ExitStack() as stack:
        sounds = [
            _sound(
                out, stack.enter_context(opened(path, path)), stream.index, path, video.zero + Fraction(late), played
            )
            for stream in source.streams.audio
            if stream.codec_context is not None
        ]
        for packet in packets(source, picture, path):
            if packet.dts is None:
                continue  # the empty packet at the end
            if packet.pts is None:
                raise MediaError(path, Fault.BAD_TIMESTAMPS, "a picture tells no time; convert it to MP4 first")
            time = float(packet.dts * packet.time_base)
            packet.pts, packet.dts, packet.stream = packet.pts + shift, packet.dts + shift, copy
            out.mux(packet)
            count += 1
            for sound in sounds:
                sound.upto(time)
        for sound in sounds:
            sound.upto(float("inf"))
    return Realigned(count, all(isinstance(sound, Copied) for sound in sounds))


def _sound(
    out: Any, own: Any, index: int, path: str, earlier: Fraction, played: frozenset[str] | None
) -> Copied | Encoded:
    """A stream of sound on its way, from a container of its own, as each is read at its own pace."""
    stream = own.streams[index]
    return carried(own, stream, path, out, round(-earlier / stream.time_base), played)
