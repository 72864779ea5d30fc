"""Decoding with torchcodec, which uses the FFmpeg libraries of the system."""

import importlib.metadata
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from mmssl.data.decode.access import checked
from mmssl.data.decode.capabilities import Capabilities
from mmssl.data.decode.limits import Limits
from mmssl.data.decode.picture import fitted
from mmssl.data.decode.pyav import PyAVReader
from mmssl.data.decode.reader import Frames, MediaInfo, Source
from mmssl.data.decode.timeline import MARGIN, Piece, mono, window
from mmssl.errors import Fault, MediaError, UsageError


@dataclass(frozen=True)
class TorchCodecReader:
    """torchcodec by path or file object.

    Args:
        limits: above which a recording is refused before it is decoded.
    """

    limits: Limits = field(default_factory=Limits)
    name: ClassVar[str] = "torchcodec"
    capabilities: ClassVar[Capabilities] = Capabilities(
        edit_lists=False,
        avi=False,
        transport_streams=False,
        truncation=False,
        warning="torchcodec shows wrong pictures of edit lists and transport streams, and those of AVI late",
    )

    def open(self, source: Source, name: str) -> "TorchCodecMedia":
        """See `Reader.open`; UsageError where torchcodec is not installed."""
        decoders = _decoders()
        with PyAVReader(self.limits).open(source, name) as media:  # torchcodec itself would follow addresses
            info = media.info
        return TorchCodecMedia(decoders, checked(source, name, self.limits.size), name, info)

    def versions(self) -> dict[str, str]:
        """The version of torchcodec."""
        return {"torchcodec": importlib.metadata.version("torchcodec")}


class TorchCodecMedia:
    """An open recording."""

    def __init__(self, decoders: Any, source: Source, name: str, info: MediaInfo) -> None:
        self.info, self._name = info, name
        # Two decoders read one file: each gets its own view of a file object.
        self._content = source if isinstance(source, str) else source.read()
        self._decoders = decoders
        self._video: Any = None
        self._zero = 0.0
        try:
            if info.video is not None:
                self._video = decoders.VideoDecoder(
                    _view(self._content), dimension_order="NHWC", num_ffmpeg_threads=1, seek_mode="exact"
                )
                # torchcodec counts from the container's zero, a recording from its earlier start. Of the sound it may
                # say that it starts before zero, where a container tells of priming; of the picture it never does.
                self._zero = self._video.metadata.begin_stream_seconds - info.video.start
            elif info.audio is not None:
                begins = self._sound_decoder().metadata.begin_stream_seconds_from_header or 0.0
                self._zero = max(0.0, begins)
        except (RuntimeError, ValueError) as error:
            raise MediaError(name, Fault.CORRUPT, "torchcodec cannot open it; use PyAVReader") from error

    def _sound_decoder(self) -> Any:
        return self._decoders.AudioDecoder(_view(self._content))

    def frames(self, times: Sequence[float], size: tuple[int, int] | None = None) -> Frames:
        """See `Media.frames`."""
        if self._video is None or self.info.video is None:
            raise MediaError(self._name, Fault.NO_VIDEO, "it has no picture")
        height, width = size or (self.info.video.height, self.info.video.width)
        about = self._video.metadata
        wanted = np.asarray(times, np.float64) + self._zero + 1e-6
        wanted = np.clip(wanted, about.begin_stream_seconds, about.end_stream_seconds - 1e-3)
        pixels = np.empty((len(wanted), height, width, 3), np.uint8)
        shown = np.empty(0)
        if len(wanted):
            try:
                batch = self._video.get_frames_played_at(wanted.tolist())
            except (RuntimeError, IndexError) as error:
                raise MediaError(self._name, Fault.CORRUPT, "torchcodec cannot decode these pictures") from error
            shown = batch.pts_seconds.numpy().astype(np.float64) - self._zero
            for index, picture in enumerate(batch.data.numpy()):
                pixels[index] = fitted(picture, (height, width))
        return Frames(pixels, shown)

    def sound(self, start: float, samples: int, sample_rate: int) -> NDArray[np.float32]:
        """See `Media.sound`."""
        if self.info.audio is None:
            raise MediaError(self._name, Fault.NO_AUDIO, "it has no sound")
        audio = self.info.audio
        begin = max(start - MARGIN, audio.start)
        end = min(start + samples / sample_rate + MARGIN, audio.start + audio.duration)
        if begin >= end:
            return np.zeros(samples, np.float32)
        try:
            # A new decoder each time: one that has read on does not go back (0.11 gives later MP3 and Opus, silently).
            got = self._sound_decoder().get_samples_played_in_range(begin + self._zero, end + self._zero)
        except (RuntimeError, IndexError) as error:
            raise MediaError(self._name, Fault.CORRUPT, "torchcodec cannot decode its sound") from error
        piece = Piece(got.pts_seconds - self._zero, got.sample_rate, mono(got.data.numpy()))
        return window([piece], start, samples, sample_rate)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._video = None


def _view(content: str | bytes) -> str | io.BytesIO:
    return content if isinstance(content, str) else io.BytesIO(content)


def _decoders() -> Any:
    try:
        from torchcodec import decoders
    except (ImportError, RuntimeError, OSError) as error:  # it raises RuntimeError where FFmpeg's libraries are missing
        message = "TorchCodecReader needs torchcodec and FFmpeg's libraries: pip install 'mmssl[torchcodec]'"
        raise UsageError(f"{message}, or use PyAVReader") from error
    return decoders
