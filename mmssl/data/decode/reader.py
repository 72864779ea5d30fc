"""What every decoder offers: one recording opened, pictures by presentation time and sound by time.

All times are seconds on the recording's own clock: 0 is the earlier of the starts of its picture and its sound, so
a sound that starts late keeps its distance to the picture.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from mmssl.data.decode.capabilities import Capabilities

# A path, or an open seekable file (a member of a shard); `name` is what messages call it.
Source = str | BinaryIO


@dataclass(frozen=True)
class VideoInfo:
    """The picture stream."""

    codec: str
    width: int  # pixels as shown, after rotation and with square pixels left as they are
    height: int
    start: float  # seconds on the recording's clock
    duration: float  # seconds
    fps: float  # average
    variable: bool  # frame rate
    rotation: int  # degrees, already applied to what `frames` gives


@dataclass(frozen=True)
class AudioInfo:
    """The sound stream."""

    codec: str
    sample_rate: int
    channels: int
    start: float
    duration: float


@dataclass(frozen=True)
class MediaInfo:
    """What is in a recording. `duration` is the later of both ends, in seconds."""

    container: str
    duration: float
    video: VideoInfo | None
    audio: AudioInfo | None


@dataclass(frozen=True)
class Frames:
    """Pictures with the times at which they are truly shown."""

    pixels: NDArray[np.uint8]  # [T, H, W, 3] RGB
    times: NDArray[np.float64]  # [T] seconds


class Media(Protocol):
    """An open recording; use it in a `with` block."""

    @property
    def info(self) -> MediaInfo:
        """What is in the recording."""
        ...

    def frames(self, times: Sequence[float], size: tuple[int, int] | None = None) -> Frames:
        """The frame on screen at each time: the last whose presentation time is not later (the first, before it).

        Several windows are best asked for at once, in one list: the default decoder then decodes each group of
        pictures at most once and passes over those in between.

        Args:
            times: seconds, ascending, as far apart as one likes.
            size: (height, width) to give; the picture is cropped around its center to that aspect ratio, then scaled.
                None keeps it as it is.

        Raises:
            MediaError: NO_VIDEO, TRUNCATED, CORRUPT, BAD_TIMESTAMPS or TOO_LARGE.
        """
        ...

    def sound(self, start: float, samples: int, sample_rate: int) -> NDArray[np.float32]:
        """Mono sound, `[samples]` from second `start` on, resampled to `sample_rate`; silence outside the stream.

        The down-mix is the mean of the channels, whatever the backend.

        Raises:
            MediaError: NO_AUDIO, CORRUPT or TRUNCATED.
        """
        ...

    def __enter__(self) -> Self: ...
    def __exit__(self, *exc: object) -> None: ...


class Reader(Protocol):
    """A decoder. `mmssl.data.decode.pyav.PyAVReader()` is the default."""

    @property
    def name(self) -> str:
        """The backend, as recorded in a run folder."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """What it promises."""
        ...

    def open(self, source: Source, name: str) -> Media:
        """Open a regular local file or an open file object, never anything that opens other files or addresses.

        Raises:
            MediaError: MISSING, PERMISSION, NOT_REGULAR, EMPTY, UNRECOGNIZED, TOO_LARGE or TRUNCATED.
        """
        ...

    def versions(self) -> dict[str, str]:
        """Name and version of what decodes, for the run folder."""
        ...
