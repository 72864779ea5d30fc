"""One recording written again with pictures that are quick to find and to decode; its sound and every time stay."""

import math
from collections.abc import Iterator
from contextlib import closing
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.stream import Disposition
from av.video.frame import PictureType
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

from mmssl.data.decode.picture import UPRIGHT, orientation
from mmssl.data.decode.pyav_demux import BROKEN, Track, opened
from mmssl.data.decode.reader import Source
from mmssl.data.reencode_profiles import Profile
from mmssl.errors import Fault, MediaError

# Codecs of sound that a container takes from a stream as they are; Matroska takes nearly all.
_COMPRESSED = {"aac", "mp3", "mp2", "alac", "ac3", "eac3"}
_MP4 = _COMPRESSED | {"opus", "vorbis", "flac"}
_MOV = _COMPRESSED | {f"pcm_{kind}" for kind in ("u8", "s8", "alaw", "mulaw")}
_MOV |= {f"pcm_{kind}{order}" for kind in ("s16", "s24", "s32", "f32", "f64") for order in ("le", "be")}


class NotTranscoded(Exception):  # noqa: N818 - no fault of the recording
    """A recording cannot be written again so that all but its pixels stays as it is; the message says why."""


def transcode(source: Source, name: str, profile: Profile, folder: Path, end: float) -> Path:
    """Write a recording again: the picture that players show encoded anew, each stream of sound packet by packet.

    Every picture keeps its time, in ticks of the recording's own clock, and sound its distance to it.

    Args:
        source: of the recording.
        name: for messages.
        profile: of the pictures.
        folder: the file is written here.
        end: when the pictures end, seconds after the first.

    Raises:
        MediaError: CORRUPT, a picture cannot be decoded.
        NotTranscoded: the recording is better kept as it is.
        OSError: the disk is full.
    """
    with closing(opened(source, name)) as container:
        first = next((item for item in _contents(container, name) if isinstance(item, av.VideoFrame)), None)
    if first is None:
        raise MediaError(name, Fault.CORRUPT, "no picture can be decoded")
    with closing(opened(source, name)) as container:
        format = _format(container)
        path = folder / f"again.{'mkv' if format == 'matroska' else format}"
        try:
            with av.open(str(path), "w", format=format, options=_options(container, format)) as made:
                _write(made, container, first, profile, end, name)
        except BROKEN as error:
            if isinstance(error, OSError):
                raise
            raise NotTranscoded(f"{format} does not take its streams") from error
    return path


def _picture(container: Any) -> Any:
    """The stream of pictures that players show: the one flagged as default, else the first; cover art is none."""
    real = [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]
    flagged = [stream for stream in real if stream.disposition & Disposition.default]
    return (flagged or real)[0]


def _sounds(container: Any) -> list[Any]:
    """Every stream of sound of a known codec."""
    return [stream for stream in container.streams.audio if stream.codec_context is not None]


def _contents(container: Any, name: str) -> Iterator[Any]:
    """Frames of the picture with their times, and packets of sound, as they come.

    Raises:
        MediaError: CORRUPT.
    """
    picture = _picture(container)
    picture.codec_context.thread_count = 1
    avi = container.format.name == "avi"
    track = Track(picture.index, picture.time_base, Fraction(0), 0.0, 0.0, exact=True, by_dts=avi)
    started, ticks = False, None
    try:
        for packet in container.demux(picture, *_sounds(container)):
            if packet.stream.index != picture.index:
                if packet.size and _heard(packet):
                    yield packet
                continue
            for frame in packet.decode():
                if avi and not started and frame.dts is not None:
                    track.delay = int(frame.dts) - int(picture.start_time or 0)
                started = True
                ticks = track.presented(frame, ticks)
                if frame.is_corrupt or ticks is None:
                    raise MediaError(name, Fault.CORRUPT, "not every picture can be decoded and has a time")
                frame.pts = ticks
                yield frame
    except IndexError:
        return  # at the end PyAV 18.1 also looks for streams that appeared while reading
    except BROKEN as error:
        detail = f"it cannot be decoded after tick {ticks} of its pictures: {error.strerror}"
        raise MediaError(name, Fault.CORRUPT, detail) from error


def _heard(packet: Any) -> bool:
    """Whether a packet of sound matters: an edit list hides the first ones, which decoders need, and the last ones."""
    stream = packet.stream
    if packet.pts is None or stream.duration is None or stream.start_time is None:
        return True
    left = stream.start_time + stream.duration - packet.pts
    if 0 < left < (packet.duration or 0):
        packet.duration = left  # the last one is heard in part
    return left > 0 or not packet.is_discard


def _timed(contents: Iterator[Any], end: int) -> Iterator[Any]:
    """The same, each frame told how long it is shown; those that are no later than the one before are left out."""
    before: Any = None
    for item in contents:
        if not isinstance(item, av.VideoFrame):
            yield item
        elif before is None:
            before = item
        elif item.pts > before.pts:
            before.duration = item.pts - before.pts
            yield before
            before = item
    if before is not None:
        before.duration = end - before.pts if end > before.pts else max(1, before.duration or 0)
        yield before


def _format(container: Any) -> str:
    """Matroska stays so; else MP4, in which every other container's ticks are exact, or what takes the sound."""
    codecs = {stream.codec_context.codec.canonical_name for stream in _sounds(container)}
    if container.format.name.startswith("matroska"):
        return "matroska"
    return "mp4" if codecs <= _MP4 else "mov" if codecs <= _MOV else "matroska"


def _options(container: Any, format: str) -> dict[str, str]:
    if format == "matroska":
        return {"fflags": "+bitexact"}
    # Starts are stored in ticks of the file: a multiple of every stream's holds them exactly.
    picture, sounds = _picture(container), _sounds(container)
    shared = math.lcm(picture.time_base.denominator, *(sound.codec_context.sample_rate for sound in sounds))
    timescale = shared if shared < 2**31 else picture.time_base.denominator
    return {"fflags": "+bitexact", "movflags": "+faststart", "movie_timescale": str(timescale)}


def _write(made: Any, container: Any, first: Any, profile: Profile, end: float, name: str) -> None:
    picture = _picture(container)
    streams, copies = (picture, *_sounds(container)), dict[int, Any]()
    for stream in sorted(streams, key=lambda stream: stream.index):
        copy = _encoder(made, picture, first, profile) if stream is picture else made.add_stream_from_template(stream)
        copy.disposition = stream.disposition
        copy.metadata.update({key: value for key, value in stream.metadata.items() if key == "language"})
        copies[stream.index] = copy
    # Whole seconds: they are whole ticks of every stream, and MP4 begins near 0.
    starts = [s.start_time * s.time_base for s in streams if s.start_time is not None]
    zero = math.floor(min(starts, default=Fraction(0)))
    encoder, fitted, lasts = copies[picture.index], _Fitter(first, profile), dict[int, int]()
    for item in _timed(_contents(container, name), int(first.pts) + round(Fraction(end) / picture.time_base)):
        shift = round(zero / item.time_base)
        item.pts = None if item.pts is None else item.pts - shift
        if isinstance(item, av.VideoFrame):
            lasts[item.pts] = item.duration
            made.mux(_lasting(encoder.encode(fitted(item)), lasts))
            continue
        item.dts = None if item.dts is None else item.dts - shift
        item.stream = copies[item.stream.index]
        made.mux(item)
    made.mux(_lasting(encoder.encode(None), lasts))


def _lasting(packets: list[Any], lasts: dict[int, int]) -> list[Any]:
    """Packets told how long their picture is shown, which an encoder takes from the average rate."""
    for packet in packets:
        packet.duration = lasts.pop(packet.pts)
    return packets


def _encoder(made: Any, picture: Any, first: Any, profile: Profile) -> Any:
    """The new stream of pictures, which says of itself what the old one says."""
    rate = picture.average_rate or picture.guessed_rate or Fraction(25)
    stream = made.add_stream(profile.encoder, rate=rate, options=dict(profile.options))
    context = stream.codec_context
    context.width, context.height = profile.size(first.width, first.height)
    context.pix_fmt = first.format.name if first.format.name in profile.formats else profile.formats[0]
    context.gop_size = profile.gop
    context.time_base = stream.time_base = picture.time_base
    # One thread: the bytes do not depend on the machine, and the processes of a pack use every core.
    context.thread_count = 1
    if picture.sample_aspect_ratio:
        context.sample_aspect_ratio = picture.sample_aspect_ratio
    if not profile.jpeg_colors:
        context.color_range, context.colorspace = first.color_range, first.colorspace
        context.color_primaries, context.color_trc = first.color_primaries, first.color_trc
    if orientation(first) != UPRIGHT:
        matrix = next(bytes(data) for data in first.side_data if data.type.name == "DISPLAYMATRIX")
        stream.set_display_matrix(np.frombuffer(matrix, np.int32).tolist())
    return stream


class _Fitter:
    """Frames as the encoder takes them."""

    def __init__(self, first: Any, profile: Profile) -> None:
        self._given, self._size = (first.width, first.height), profile.size(first.width, first.height)
        self._profile, self._reformatter = profile, VideoReformatter()

    def __call__(self, frame: Any) -> Any:
        """Scaled and converted, without what the old encoder thought of it."""
        if (frame.width, frame.height) != self._given:
            raise NotTranscoded("its pictures change their size")
        keeps = frame.format.name in self._profile.formats
        colors: dict[str, Any] = {}
        if self._profile.jpeg_colors:
            colors = {"dst_colorspace": Colorspace.ITU601, "dst_color_range": ColorRange.JPEG}
        fitted = self._reformatter.reformat(
            frame, *self._size, frame.format.name if keeps else self._profile.formats[0],
            interpolation=Interpolation.BICUBIC, threads=1, **colors,
        )  # fmt: skip
        fitted.pict_type = PictureType.NONE
        return fitted
