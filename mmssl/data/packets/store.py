"""Where packet tables are found: with the member of a shard, in memory, or in the cache folder.

Tables of unpacked files are made on the first visit and kept in the cache folder, not beside the file: folders of media
are often read-only or shared, their listing is the data set, and a cache may be deleted at any time.
"""

import math
from collections import OrderedDict
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import BinaryIO

from mmssl.data.cache import BlockCache, cache_bytes, cache_folder
from mmssl.data.decode.limits import CODECS, Limits
from mmssl.data.decode.pyav_container import ContainerMedia
from mmssl.data.decode.pyav_demux import Demuxer
from mmssl.data.decode.reader import Source
from mmssl.data.packets.build import build
from mmssl.data.packets.encoding import decode, encode
from mmssl.data.packets.table import PacketTable
from mmssl.data.ranges import FileRanges, LocalRanges
from mmssl.data.slices import Slice, slice_of
from mmssl.errors import MediaError

REMEMBERED = 1024  # tables in memory, for several visits to a recording
PACKETS = 1 << 18  # in these tables; 66 bytes each
LARGEST = 1 << 26  # bytes of a file that is read through on its first visit; larger ones want packing
USUAL = 1 << 12  # bytes of a table; the cache's bound counts them so
SHARE = 4  # the part of the cache's bound that is for tables
_ANY = Limits(seconds=math.inf, pixels=1 << 31, streams=1 << 31, channels=1 << 31)  # whoever reads has limits
_NONE = b"none"  # kept for recordings that no table fits


class Store:
    """The tables that one process knows."""

    def __init__(self) -> None:
        self._tables: OrderedDict[str, PacketTable | None] = OrderedDict()
        self._packets = 0  # in these
        self._lock = Lock()
        self._keeps = True  # what is put into the cache is found there again

    def find(self, part: Slice) -> tuple[PacketTable | None, bool]:
        """The table, and whether that is settled: None and True means that there is none to be made.

        A table that does not fit is as good as none.
        """
        name = _name(part)
        with self._lock:
            if name in self._tables:
                self._tables.move_to_end(name)
                return self._tables[name], True
        try:
            data = part.kept_table()
        except MediaError:
            data = None
        if data is None and isinstance(part.ranges, LocalRanges):
            data = _cache().get(name)
        if data == _NONE:
            return self._remember(name, None), True
        table = None if data is None else decode(data, part.size)
        # None is not kept in mind: whoever asks may be refused before a table is made.
        return (None, False) if table is None else (self._remember(name, table), True)

    def make(self, part: Slice, media: ContainerMedia, source: Source) -> PacketTable | None:
        """A table made by reading an open recording through, and kept.

        None for a recording that is remote, large or unfit, and where the cache keeps nothing.
        """
        if not isinstance(part.ranges, LocalRanges) or part.size > LARGEST or not self._keeps:
            return None
        name = _name(part)
        # Not the file that `media` reads, whose position is its own.
        table = build(media, source if isinstance(source, str) else part.view(), part.read_at, part.size)
        data = None if table is None else encode(table)
        table = None if data is None else table
        _cache().put(name, data or _NONE)
        # With no cache to write to, each visit would read the whole recording.
        self._keeps = _cache().get(name) is not None
        return self._remember(name, table)

    def forget(self) -> None:
        """Drop what is in memory; the cache folder stays."""
        with self._lock:
            self._tables.clear()
            self._packets = 0

    def _remember(self, name: str, table: PacketTable | None) -> PacketTable | None:
        with self._lock:
            self._packets += _count(table) - _count(self._tables.pop(name, None))
            self._tables[name] = table
            while len(self._tables) > REMEMBERED or (len(self._tables) > 1 and self._packets > PACKETS):
                self._packets -= _count(self._tables.popitem(last=False)[1])
        return table


def _count(table: PacketTable | None) -> int:
    return 0 if table is None else table.packets


def table_of(source: BinaryIO, name: str) -> bytes | None:
    """The packet table of a recording, to be kept with it; None where none fits.

    Args:
        source: any seekable file with a recording; its position changes.
        name: for messages.

    Raises:
        MediaError: as `Reader.open`.
    """
    part = slice_of(source) or Slice(files := FileRanges(source, name), 0, files.size)
    media = ContainerMedia(Demuxer(part.view(), name), _ANY, CODECS)
    try:
        table = build(media, part.view(), part.read_at, part.size)
    finally:
        media.close()
    return None if table is None else encode(table)


def _name(part: Slice) -> str:
    return f"{part.ranges.name}\0{part.stamp}"


def _cache() -> BlockCache:
    return _block_cache(cache_folder(), cache_bytes() // SHARE)


@lru_cache(maxsize=4)
def _block_cache(folder: Path, bound: int) -> BlockCache:
    return BlockCache(folder / "packets", bound, USUAL)


STORE = Store()
