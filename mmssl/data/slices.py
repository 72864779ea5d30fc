"""A part of something that is read by ranges, as a file."""

import io
import zlib
from typing import BinaryIO, cast

from mmssl.data.checksum import damaged, verify
from mmssl.data.ranges import CHECKED, LocalRanges, Ranges, read_whole
from mmssl.errors import Fault, MediaError

LARGEST_TABLE = 1 << 24  # bytes of a packet table


class Slice(io.RawIOBase):
    """The bytes [start, start + size) of something, as a file that can be read and sought but never left.

    Where a checksum was kept it is compared when all bytes are read: at once by `read_at`, or as a file from the first
    to the last without a step back. What is read in parts, as windows of a recording are, is not compared with it.

    Args:
        ranges: of what.
        start: byte.
        size: bytes.
        table: (start, size) in the same `ranges` of the packet table of these bytes, when one was kept with them.
        crc: CRC-32 of the bytes; None where none was kept.
    """

    def __init__(
        self, ranges: Ranges, start: int, size: int, table: tuple[int, int] | None = None, crc: int | None = None
    ) -> None:
        super().__init__()
        self.ranges, self.size = ranges, size
        self._start, self._table, self._crc, self._position = start, table, crc, 0
        self._summed, self._sum = 0, 0  # bytes read in a row from the first on, and the CRC-32 of them

    def read_at(self, offset: int, count: int) -> bytes:
        """`count` bytes from `offset` on, wherever the file stands.

        Raises:
            MediaError: SHARD, when they are not there; else as `Ranges.read`.
        """
        if not 0 <= offset <= offset + count <= self.size:
            raise MediaError(self.ranges.name, Fault.SHARD, f"has no bytes {offset} to {offset + count} of a member")
        data = read_whole(self.ranges, self._start + offset, count, self._start + self.size)
        if count == self.size:
            verify(data, self._crc, self.ranges.name)
        return data

    def view(self) -> BinaryIO:
        """The same bytes with a position of their own."""
        return open_slice(self.ranges, self._start, self.size, crc=self._crc)

    def check(self) -> None:
        """Read all of it to compare it with its checksum, if one was kept.

        Raises:
            MediaError: SHARD, where they differ; else as `Ranges.read`.
        """
        if self._crc is not None:
            with self.view() as file:
                while file.read(CHECKED):
                    pass

    def kept_table(self) -> bytes | None:
        """The packet table that was kept with these bytes, not yet looked at.

        Raises:
            MediaError: as `read_at`.
        """
        if self._table is None or self._table[1] > LARGEST_TABLE:
            return None
        start, size = self._table
        return read_whole(self.ranges, start, size, start + size)

    @property
    def stamp(self) -> str:
        """Changes when the bytes do; found without reading them."""
        return f"{self.ranges.changed} {self.ranges.size} {self._start} {self.size}"

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move; a place beyond the end reads nothing, one before the start is refused."""
        place = offset + (0, self._position, self.size)[whence]
        if place < 0:
            raise ValueError(f"cannot seek to {place}, before the start of {self.ranges.name}")
        self._position = place
        return place

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Fill the buffer as far as the slice goes.

        Raises:
            MediaError: SHARD, when what should be there ends early.
        """
        count = max(min(len(buffer), self.size - self._position), 0)
        end = self._start + self.size
        data = read_whole(self.ranges, self._start + self._position, count, end)
        if self._crc is not None and self._position == self._summed:
            self._summed, self._sum = self._summed + count, zlib.crc32(data, self._sum)
            if self._summed == self.size and self._sum != self._crc:
                raise damaged(self.ranges.name)
        buffer[:count] = data
        self._position += count
        return count


def open_slice(
    ranges: Ranges, start: int, size: int, table: tuple[int, int] | None = None, crc: int | None = None
) -> BinaryIO:
    """A buffered `Slice`."""
    return cast(BinaryIO, io.BufferedReader(Slice(ranges, start, size, table, crc), 1 << 16))


def slice_of(source: str | BinaryIO) -> Slice | None:
    """The bytes of a path or of what `open_slice` gave, to be read from anywhere; None of other files.

    Raises:
        MediaError: MISSING, PERMISSION or NOT_REGULAR.
    """
    if isinstance(source, str):
        ranges = LocalRanges(source)
        return Slice(ranges, 0, ranges.size)
    raw = getattr(source, "raw", None)
    return raw if isinstance(raw, Slice) else None


def open_source(source: str | BinaryIO) -> tuple[BinaryIO, int]:
    """The media of a recording as an open file, and its size in bytes.

    Raises:
        MediaError: MISSING, PERMISSION or NOT_REGULAR.
    """
    if isinstance(source, str):
        ranges = LocalRanges(source)
        return open_slice(ranges, 0, ranges.size), ranges.size
    size = source.seek(0, io.SEEK_END)
    source.seek(0)
    return source, size
