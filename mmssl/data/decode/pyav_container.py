"""A recording decoded through its container: sought, demuxed, and read again from its beginning where that fails."""

import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from mmssl.data.decode.limits import Limits
from mmssl.data.decode.picture import UPRIGHT, Orientation, Scaler, degrees, orientation
from mmssl.data.decode.pyav_audio import sound
from mmssl.data.decode.pyav_demux import Demuxer, Track
from mmssl.data.decode.pyav_skip import may_skip
from mmssl.data.decode.pyav_video import frames, play, select
from mmssl.data.decode.reader import AudioInfo, Frames, MediaInfo, VideoInfo
from mmssl.errors import Fault, MediaError

# Matroska has no field for the end of a stream, but a tag: hours, minutes and seconds.
_ENDS = re.compile(r"(\d+):(\d+):(\d+(?:\.\d+)?)")
_LATE = 0.1  # s by which the first picture may be later than its stream says


class ContainerMedia:
    """An open recording; its methods are those of `PyAVMedia`."""

    def __init__(self, demuxer: Demuxer, limits: Limits, codecs: frozenset[str]) -> None:
        self.demuxer, self._limits = demuxer, limits
        container = demuxer.container
        if len(container.streams) > limits.streams:
            raise MediaError(demuxer.name, Fault.TOO_LARGE, f"{len(container.streams)} streams; Limits.streams says no")
        picture, voice = _default(container.streams.video), _default(container.streams.audio)
        starts = [_start(stream) for stream in (picture, voice) if stream is not None]
        if not starts:
            raise MediaError(demuxer.name, Fault.UNSUPPORTED, "it holds neither picture nor sound")
        for stream in (picture, voice):
            _allowed(stream, demuxer.name, limits, codecs)
        zero = min(starts)
        self.video = None if picture is None else _track(picture, container, zero)
        self.audio = None if voice is None else _track(voice, container, zero)
        self.matrix: Orientation = UPRIGHT
        self.info = MediaInfo(
            container.format.name.split(",")[0],
            max(track.end for track in (self.video, self.audio) if track is not None),
            None if self.video is None else self._video_info(picture, self.video),
            None if voice is None or self.audio is None else _audio_info(voice, self.audio),
        )
        if self.info.duration > limits.seconds:
            raise MediaError(
                demuxer.name, Fault.TOO_LARGE, f"{self.info.duration:.0f} s long, the limit is {limits.seconds:.0f} s"
            )

    def _video_info(self, stream: Any, track: Track) -> VideoInfo:
        container = self.demuxer.container.format.name.split(",")[0]
        track.by_dts = container == "avi"
        track.skips = may_skip(container, _codec(stream))
        lost: list[float] = []
        for time, frame in frames(self.demuxer, track, lost):
            # Only a decoded frame carries the container's display matrix.
            self.matrix = orientation(frame)
            if time is not None and time > track.start + _LATE and not track.by_dts:
                track.start = time  # no keyframe at the start: what is before it cannot be shown
            if track.by_dts and frame.dts is not None:
                track.delay = int(frame.dts) - int(stream.start_time or 0)
            break
        width, height = stream.codec_context.width, stream.codec_context.height
        turned = self.matrix[0] == 0
        average, finest = float(stream.average_rate or 0), float(stream.base_rate or 0)
        ratio = finest / average if average else 1.0
        return VideoInfo(
            codec=_codec(stream),
            width=height if turned else width,
            height=width if turned else height,
            start=track.start,
            duration=track.end - track.start,
            fps=average,
            # MPEG-1 and -2 count fields: twice the frame rate is still constant.
            variable=min(abs(ratio - 1), abs(ratio - 2)) > 0.01,
            rotation=degrees(self.matrix),
        )

    def frames(self, times: Sequence[float], size: tuple[int, int] | None = None) -> Frames:
        """See `Media.frames`."""
        if self.video is None or self.info.video is None:
            raise MediaError(self.demuxer.name, Fault.NO_VIDEO, "it has no picture")
        height, width = size or (self.info.video.height, self.info.video.width)
        pixels = np.empty((len(times), height, width, 3), np.uint8)
        chosen = select(self.demuxer, self.video, times) if len(times) else []
        scaled = Scaler((height, width), self.matrix)
        for index, (_, frame) in enumerate(chosen):
            if index and frame is chosen[index - 1][1]:
                pixels[index] = pixels[index - 1]
                continue
            pixels[index] = scaled(self._bounded(frame))
        return Frames(pixels, np.array([time for time, _ in chosen], np.float64))

    def _bounded(self, frame: Any) -> Any:
        """A frame that is not too large: it may be another size than the first."""
        if frame.width * frame.height > self._limits.pixels:
            raise MediaError(self.demuxer.name, Fault.TOO_LARGE, f"a picture of {frame.width}x{frame.height}")
        return frame

    def pictures(self) -> Iterator[tuple[float, NDArray[np.uint8]]]:
        """Every picture from the first to the last with its time in seconds: `[H, W, 3]` RGB, upright, at its own size.

        Raises:
            MediaError: NO_VIDEO, TRUNCATED, CORRUPT or TOO_LARGE.
        """
        if self.video is None or self.info.video is None:
            raise MediaError(self.demuxer.name, Fault.NO_VIDEO, "it has no picture")
        scaled = Scaler((self.info.video.height, self.info.video.width), self.matrix)
        for time, frame in play(self.demuxer, self.video):
            yield time, scaled(self._bounded(frame))

    def sound(self, start: float, samples: int, sample_rate: int) -> NDArray[np.float32]:
        """See `Media.sound`."""
        if self.audio is None:
            raise MediaError(self.demuxer.name, Fault.NO_AUDIO, "it has no sound")
        return sound(self.demuxer, self.audio, start, samples, sample_rate)

    def picture_times(self) -> NDArray[np.float64]:
        """When each picture is shown, by what the container says and without decoding: `[n]` seconds, none without."""
        return np.array([] if self.video is None else self.demuxer.times(self.video), np.float64)

    def streams(self) -> list[str]:
        """Each stream of the container, also those that are not decoded: `1 audio aac eng`."""
        return [
            " ".join(filter(None, (str(stream.index), stream.type, _codec(stream), stream.language)))
            for stream in self.demuxer.container.streams
        ]

    def close(self) -> None:
        """Close the container."""
        self.demuxer.close()


def _codec(stream: Any) -> str:
    return "unknown" if stream.codec_context is None else str(stream.codec_context.codec.canonical_name)


def _default(streams: Sequence[Any]) -> Any:
    """The stream that players show: the one flagged as default, else the first; cover art is none."""
    real = [stream for stream in streams if not stream.disposition & av.stream.Disposition.attached_pic]
    flagged = [stream for stream in real if stream.disposition & av.stream.Disposition.default]
    return next(iter(flagged or real), None)


def _start(stream: Any) -> Fraction:
    return Fraction(0) if stream.start_time is None else stream.start_time * stream.time_base


def _allowed(stream: Any, name: str, limits: Limits, codecs: frozenset[str]) -> None:
    """Raise when a stream's codec is not allowed, or its picture or channel count is too large."""
    if stream is None:
        return
    context = stream.codec_context
    if _codec(stream) not in codecs:
        detail = f"its {stream.type} codec is {_codec(stream)}; convert it to H.264 and AAC"
        raise MediaError(name, Fault.UNSUPPORTED, detail)
    if stream.type == "video" and context.width * context.height > limits.pixels:
        raise MediaError(name, Fault.TOO_LARGE, f"pictures of {context.width}x{context.height}; scale it down")
    if stream.type == "audio" and context.channels > limits.channels:
        raise MediaError(name, Fault.TOO_LARGE, f"{context.channels} channels of sound; mix it down")


def _track(stream: Any, container: Any, zero: Fraction) -> Track:
    start = _start(stream)
    length: Fraction | None = None
    if stream.duration is not None:
        length = stream.duration * stream.time_base
    elif told := _ENDS.match(stream.metadata.get("DURATION", "")):
        length = Fraction(told[1]) * 3600 + Fraction(told[2]) * 60 + Fraction(told[3]) - start
    end = (
        start + length
        if length is not None
        else Fraction((container.start_time or 0) + (container.duration or 0), 10**6)
    )
    return Track(stream.index, stream.time_base, zero, float(start - zero), float(end - zero), length is not None)


def _audio_info(stream: Any, track: Track) -> AudioInfo:
    context = stream.codec_context
    return AudioInfo(
        context.codec.canonical_name, context.sample_rate, context.channels, track.start, track.end - track.start
    )
