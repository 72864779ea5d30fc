"""Decoding with decord: for comparison and for pictures alone, on trusted local files.

decord 0.6 (2021) shifts every stream to begin at 0, so a sound that starts late loses its distance to the picture; it
decodes all of the sound to give a second of it, and can loop for ever on broken files: use it where a worker may be
killed. Each file is opened by PyAV first, since decord itself would follow addresses and playlists.
"""

import importlib.metadata
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from mmssl.data.decode.access import checked
from mmssl.data.decode.capabilities import Capabilities
from mmssl.data.decode.limits import Limits
from mmssl.data.decode.picture import fitted
from mmssl.data.decode.pyav import PyAVReader
from mmssl.data.decode.reader import Frames, MediaInfo, Source
from mmssl.data.decode.timeline import Piece, mono, window
from mmssl.errors import Fault, MediaError, UsageError


@dataclass(frozen=True)
class DecordReader:
    """decord by path.

    Args:
        limits: above which a recording is refused before it is decoded.
    """

    limits: Limits = field(default_factory=Limits)
    name: ClassVar[str] = "decord"
    capabilities: ClassVar[Capabilities] = Capabilities(
        start_offsets=False,
        edit_lists=False,
        open_gops=False,
        priming=False,
        avi=False,
        transport_streams=False,
        quarter_turns=False,
        surround_mean=False,
        truncation=False,
        file_objects=False,
        missing_codecs=frozenset({"av1", "gif"}),
        warning="decord loses the distance between the starts of picture and sound: not for anything about synchrony",
    )

    def open(self, source: Source, name: str) -> "DecordMedia":
        """See `Reader.open`; also UNSUPPORTED for file objects (members of shards) and codecs it lacks."""
        if not isinstance(source, str):
            raise MediaError(name, Fault.UNSUPPORTED, "decord opens files by path alone; use PyAVReader for shards")
        with PyAVReader(self.limits).open(source, name) as media:
            info = media.info
        if info.video is not None and info.video.codec in self.capabilities.missing_codecs:
            raise MediaError(name, Fault.UNSUPPORTED, f"decord does not decode {info.video.codec}; use PyAVReader")
        return DecordMedia(str(checked(source, name, self.limits.size)), name, info)

    def versions(self) -> dict[str, str]:
        """The version of decord."""
        return {"decord": importlib.metadata.version("decord")}


class DecordMedia:
    """An open recording; its picture and its sound are opened when first asked for."""

    def __init__(self, path: str, name: str, info: MediaInfo) -> None:
        self._path, self._name, self._decord = path, name, _decord()
        self._pictures: Any = None
        self._times: NDArray[np.float64] = np.empty(0)
        self._piece: Piece | None = None
        # What decord makes of the recording: everything begins at 0.
        video = info.video and replace(info.video, start=0.0)
        audio = info.audio and replace(info.audio, start=0.0)
        duration = max(stream.duration for stream in (video, audio) if stream is not None)
        self.info = MediaInfo(info.container, duration, video, audio)

    def frames(self, times: Sequence[float], size: tuple[int, int] | None = None) -> Frames:
        """See `Media.frames`."""
        if self.info.video is None:
            raise MediaError(self._name, Fault.NO_VIDEO, "it has no picture")
        if self._pictures is None:
            self._open_pictures()
        height, width = size or (self.info.video.height, self.info.video.width)
        # The last frame whose presentation time is not later: float32 times want a little forgiveness.
        indices = np.searchsorted(self._times, np.asarray(times) + 0.0005, side="right") - 1
        indices = np.clip(indices, 0, len(self._times) - 1)
        try:
            decoded = self._pictures.get_batch(indices.tolist()).asnumpy() if len(indices) else ()
        except self._decord.DECORDError as error:
            raise MediaError(self._name, Fault.CORRUPT, "decord cannot decode these pictures") from error
        pixels = np.empty((len(indices), height, width, 3), np.uint8)
        for index, picture in enumerate(decoded):
            pixels[index] = fitted(picture, (height, width))
        return Frames(pixels, self._times[indices])

    def sound(self, start: float, samples: int, sample_rate: int) -> NDArray[np.float32]:
        """See `Media.sound`."""
        if self.info.audio is None:
            raise MediaError(self._name, Fault.NO_AUDIO, "it has no sound")
        if self._piece is None:
            native = self.info.audio.sample_rate
            try:
                # Its channels cannot be asked for (mono=False gives memory it did not write).
                reader = self._decord.AudioReader(self._path, sample_rate=native, mono=True)
            except self._decord.DECORDError as error:
                raise MediaError(self._name, Fault.CORRUPT, "decord cannot decode its sound") from error
            # swresample's mono of two channels is 0.707 (left + right); the mean is what every backend gives.
            gain = 2**-0.5 if self.info.audio.channels == 2 else 1.0
            self._piece = Piece(0.0, native, mono(reader[:].asnumpy()) * np.float32(gain))
        return window([self._piece], start, samples, sample_rate)

    def _open_pictures(self) -> None:
        try:
            self._pictures = self._decord.VideoReader(self._path, num_threads=1)
            times = self._pictures.get_frame_timestamp(range(len(self._pictures)))[:, 0].astype(np.float64)
        except self._decord.DECORDError as error:
            raise MediaError(self._name, Fault.CORRUPT, "decord cannot open its pictures") from error
        if len(times) == 0 or not np.isfinite(times).all() or abs(times[0]) > 1 or (np.diff(times) < 0).any():
            raise MediaError(self._name, Fault.BAD_TIMESTAMPS, "decord gives no usable times; use PyAVReader")
        self._times = times

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._pictures = self._piece = None


def _decord() -> Any:
    """The module, imported where it is used: it has wheels for Linux on x86_64 alone."""
    try:
        import decord
    except ImportError as error:
        raise UsageError("DecordReader needs decord: pip install decord, or use PyAVReader") from error
    return decord
