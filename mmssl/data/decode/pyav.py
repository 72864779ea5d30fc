"""Decoding with PyAV (FFmpeg inside), the default: every container, exact times, file objects.

A window is decoded by the recording's packet table where there is one. Whatever such a table leaves in doubt (a packet
that is not what it was, one that does not decode, a time beyond the end) is settled by the container, so damage is
found and named the same way with a table as without.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Self

import av
import numpy as np
from numpy.typing import NDArray

from mmssl.data.decode import indexed_audio, indexed_video
from mmssl.data.decode.access import checked, why_unreadable
from mmssl.data.decode.capabilities import Capabilities
from mmssl.data.decode.limits import CODECS, Limits
from mmssl.data.decode.pyav_container import ContainerMedia
from mmssl.data.decode.pyav_demux import BROKEN, Demuxer
from mmssl.data.decode.reader import Frames, MediaInfo, Source
from mmssl.data.packets.content import DoubtError
from mmssl.data.packets.store import STORE
from mmssl.data.packets.table import PacketTable
from mmssl.data.slices import Slice, slice_of
from mmssl.errors import Fault, MediaError

_DOUBTS = (DoubtError, MediaError, ValueError, *BROKEN)


@dataclass(frozen=True)
class PyAVReader:
    """The default decoder.

    Args:
        limits: above which a recording is refused before it is decoded.
        codecs: names of FFmpeg codecs that may decode.
        tables: whether packet tables are used, and made of small local files on their first visit.
    """

    limits: Limits = field(default_factory=Limits)
    codecs: frozenset[str] = field(default=CODECS, repr=False)
    tables: bool = True
    name: ClassVar[str] = "pyav"
    capabilities: ClassVar[Capabilities] = Capabilities()

    def open(self, source: Source, name: str) -> "PyAVMedia":
        """See `Reader.open`."""
        source = checked(source, name, self.limits.size)
        part = slice_of(source) if self.tables else None
        table, settled = (None, True) if part is None else STORE.find(part)
        media = None
        if table is None or not table.within(self.limits, self.codecs):
            table, media = None, self._container(source, name)
            if part is not None and not settled:
                table = STORE.make(part, media, source)
        return PyAVMedia(name, self.limits.pixels, lambda: self._container(source, name), media, part, table)

    def _container(self, source: Source, name: str) -> ContainerMedia:
        demuxer = Demuxer(source, name)
        try:
            return ContainerMedia(demuxer, self.limits, self.codecs)
        except MediaError as error:
            demuxer.close()
            # Of an index that is cut in two, FFmpeg gives streams whose codec it does not know.
            if error.fault is Fault.UNSUPPORTED and (why := why_unreadable(source, name)).fault is Fault.TRUNCATED:
                raise why from error
            raise

    def versions(self) -> dict[str, str]:
        """PyAV and the FFmpeg inside it."""
        return {"av": av.__version__, "ffmpeg": av.ffmpeg_version_info}


class PyAVMedia:
    """An open recording.

    Args:
        name: for messages.
        largest: pixels of a picture.
        open_container: opens the container when it must be asked.
        container: already open, if it is.
        part: the bytes of the file.
        table: of its packets, if there is one.
    """

    def __init__(
        self,
        name: str,
        largest: int,
        open_container: Callable[[], ContainerMedia],
        container: ContainerMedia | None,
        part: Slice | None,
        table: PacketTable | None,
    ) -> None:
        self._name, self._largest, self._open = name, largest, open_container
        self._opened, self._part, self.table = container, part, table
        self.info: MediaInfo = self.container.info if table is None else table.info

    @property
    def container(self) -> ContainerMedia:
        """The recording read through its container, opened when first asked for.

        Raises:
            MediaError: as `Reader.open`.
        """
        if self._opened is None:
            self._opened = self._open()
        return self._opened

    def frames(self, times: Sequence[float], size: tuple[int, int] | None = None) -> Frames:
        """See `Media.frames`; each group of pictures is decoded at most once, however far apart the times are."""
        table, part, video = self.table, self._part, self.info.video
        if table is None or part is None or table.video is None or video is None or not len(times):
            return self.container.frames(times, size)
        try:
            return indexed_video.pictures(
                table.video, part, times, size or (video.height, video.width), table.matrix, self._largest
            )
        except _DOUBTS:
            part.check()
            return self.container.frames(times, size)

    def sound(self, start: float, samples: int, sample_rate: int) -> NDArray[np.float32]:
        """See `Media.sound`."""
        table, part = self.table, self._part
        if table is None or part is None or table.audio is None:
            return self.container.sound(start, samples, sample_rate)
        try:
            return indexed_audio.sound(table.audio, part, start, samples, sample_rate)
        except _DOUBTS:
            part.check()
            return self.container.sound(start, samples, sample_rate)

    def pictures(self) -> Iterator[tuple[float, NDArray[np.uint8]]]:
        """Every picture from the first to the last with its time in seconds: `[H, W, 3]` RGB, upright, at its own size.

        Raises:
            MediaError: NO_VIDEO, TRUNCATED, CORRUPT or TOO_LARGE.
        """
        return self.container.pictures()

    def picture_times(self) -> NDArray[np.float64]:
        """When each picture is shown, by what the container says and without decoding: `[n]` seconds, none without."""
        return self.container.picture_times()

    def streams(self) -> list[str]:
        """Each stream of the container, also those that are not decoded: `1 audio aac eng`."""
        return self.container.streams()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        if self._opened is not None:
            self._opened.close()
