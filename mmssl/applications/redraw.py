"""A film with other pictures: same times, same sound."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import av
import numpy as np
from numpy.typing import NDArray

from mmssl.data.decode.access import checked
from mmssl.data.decode.limits import Limits
from mmssl.data.decode.pyav import PyAVMedia
from mmssl.data.decode.pyav_demux import BROKEN, opened
from mmssl.errors import Fault, MediaError, UsageError

TICK = Fraction(1, 90_000)  # of pictures; as MPEG, and exact for all common frame rates
BT709 = 1  # in every enumeration of ITU-T H.273
# What players play; FFmpeg would write more.
PLAYED: dict[str, frozenset[str] | None] = {
    ".mp4": frozenset({"aac", "mp3", "ac3", "eac3", "opus", "flac", "alac"}),
    ".mov": frozenset({"aac", "mp3", "ac3", "eac3", "alac", "pcm_s16le"}),
    ".mkv": None,  # anything
}

Draw = Callable[[float, NDArray[np.uint8]], NDArray[np.uint8]]  # seconds and [H, W, 3] RGB to [H, W, 3]


class Sound(Protocol):
    """The sound of a film on its way into another."""

    def upto(self, seconds: float) -> None:
        """Write what begins before that time."""
        ...


class Copied:
    """Packets as they are."""

    def __init__(self, stream: Any, packets: Iterator[Any], out: Any, shift: int) -> None:
        self._packets, self._out, self._shift = packets, out, shift
        self._stream = out.add_stream_from_template(stream)
        self._ahead: Any = None

    def upto(self, seconds: float) -> None:
        """See `Sound`."""
        while True:
            packet = self._ahead or next(self._packets, None)
            self._ahead = packet
            if packet is None or (packet.dts is not None and packet.dts * packet.time_base > seconds):
                return
            self._ahead = None
            if packet.dts is None:
                continue  # the empty packet at the end
            packet.pts, packet.dts = packet.pts + self._shift, packet.dts + self._shift
            packet.stream = self._stream
            self._out.mux(packet)


class Encoded:
    """Decoded and encoded again as AAC, where the container cannot hold what there is."""

    def __init__(self, stream: Any, packets: Iterator[Any], out: Any, shift: int) -> None:
        self._packets, self._out, self._shift, self._tick = packets, out, shift, stream.time_base
        rate = stream.codec_context.sample_rate
        self._stream = out.add_stream("aac", rate=rate)
        self._stream.layout = "mono" if stream.codec_context.channels == 1 else "stereo"
        self._resampler = av.AudioResampler("fltp", self._stream.layout, rate)
        self._done = False

    def upto(self, seconds: float) -> None:
        """See `Sound`."""
        for packet in self._packets:
            for frame in packet.decode():
                if frame.pts is not None:
                    frame.pts += round(self._shift * self._tick / frame.time_base)
                self._write(self._resampler.resample(frame))
            if packet.dts is not None and packet.dts * packet.time_base > seconds:
                return
        if not self._done:
            self._done = True
            self._write(self._resampler.resample(None))
            self._out.mux(self._stream.encode(None))

    def _write(self, frames: list[Any]) -> None:
        for frame in frames:
            self._out.mux(self._stream.encode(frame))


class Silent:
    """There is none."""

    def upto(self, seconds: float) -> None:
        """Write nothing."""


@dataclass(frozen=True)
class Redrawn:
    """What was written; `copied` says that the sound was not encoded again."""

    pictures: int
    copied: bool


def check_ending(out: Path) -> None:
    """Refuse a file that no film is written to.

    Raises:
        UsageError: it ends otherwise.
    """
    if out.suffix.lower() not in PLAYED:
        raise UsageError(f"{out}: films are written as {', '.join(PLAYED)}; give it such an ending")


def redraw(path: str, media: PyAVMedia, out: Path, draw: Draw, size: tuple[int, int] | None = None) -> Redrawn:
    """Write a film anew with each picture replaced; H.264, with the sound copied where players take it from `out`.

    A picture of odd width or height loses its last column or row, which H.264 in its common form cannot hold.

    Args:
        path: of the film.
        media: the same film, open.
        out: file to write, .mp4, .mov or .mkv; it appears when it is complete.
        draw: called for each picture in order.
        size: height and width of what is drawn; the film's own when None.

    Raises:
        UsageError: another ending, or `out` cannot be written.
        MediaError: the film cannot be read to its end.
    """
    check_ending(out)
    unfinished = out.with_name(f".{out.stem}.unfinished{out.suffix}")
    try:
        with av.open(str(unfinished), "w") as container, opened(checked(path, path, Limits().size), path) as source:
            video = _video(media, container, size)
            sound = _sound(path, source, media, container, PLAYED[out.suffix.lower()])
            count = _pictures(media, container, video, sound, draw)
        unfinished.rename(out)
    except OSError as error:  # of writing alone: what cannot be read is a MediaError already
        raise UsageError(f"{out}: cannot be written ({error.strerror}); give another place") from error
    finally:
        unfinished.unlink(missing_ok=True)
    return Redrawn(count, isinstance(sound, Copied))


def _sound(path: str, source: Any, media: PyAVMedia, out: Any, played: frozenset[str] | None) -> Sound:
    if media.info.audio is None:
        return Silent()
    stream = next(s for s in source.streams.audio if s.codec_context.codec.canonical_name == media.info.audio.codec)
    # From the container's clock to the recording's, on which the pictures are.
    shift = round(Fraction(media.info.audio.start) / stream.time_base) - (stream.start_time or 0)
    codec = media.info.audio.codec
    fits = codec in out.supported_codecs and (played is None or codec in played)
    return (Copied if fits else Encoded)(stream, _packets(source, stream, path), out, shift)


def _packets(source: Any, stream: Any, path: str) -> Iterator[Any]:
    try:
        yield from source.demux(stream)
    except BROKEN as error:
        raise MediaError(path, Fault.CORRUPT, f"its sound cannot be read to the end: {error.strerror}") from error


def _video(media: PyAVMedia, out: Any, size: tuple[int, int] | None) -> Any:
    """The stream that the pictures go into."""
    info = media.info.video
    assert info is not None
    video = out.add_stream("libx264", rate=Fraction(info.fps or 25).limit_denominator(1001))
    video.options = {"preset": "veryfast", "crf": "18"}
    height, width = size or (info.height, info.width)
    video.width, video.height, video.pix_fmt = width // 2 * 2, height // 2 * 2, "yuv420p"
    context = video.codec_context
    context.time_base = TICK
    context.colorspace = context.color_primaries = context.color_trc = BT709
    context.color_range = 1  # 16 to 235
    return video


def _pictures(media: PyAVMedia, out: Any, video: Any, sound: Sound, draw: Draw) -> int:
    count = 0
    for time, pixels in media.pictures():
        drawn = draw(time, pixels)[: video.height, : video.width]
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(drawn), format="rgb24")
        picture = frame.reformat(format="yuv420p", dst_colorspace="ITU709")
        picture.pts, picture.time_base = round(time / TICK), TICK
        out.mux(video.encode(picture))
        sound.upto(time)
        count += 1
    out.mux(video.encode(None))
    sound.upto(float("inf"))
    return count
