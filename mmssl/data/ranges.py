"""Byte ranges of something, and a part of it as a file."""

import io
import os
import stat
import weakref
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from mmssl.errors import Fault, MediaError

LARGEST_TABLE = 1 << 24  # bytes of a packet table
OPEN = 128  # local files kept open in a process; a set may have more shards than a process may open files


class Ranges(Protocol):
    """Something whose bytes can be read from anywhere: a local file or a remote one. It can be pickled."""

    name: str
    size: int  # bytes
    changed: str  # what tells two versions of one size apart: time of change, or the server's tag

    def read(self, offset: int, count: int, until: int) -> bytes:
        """`count` bytes from `offset` on, fewer only at the end. No byte from `until` on will be asked for soon.

        Raises:
            MediaError: MISSING, PERMISSION, NETWORK, or SHARD when it is not what it was.
        """
        ...


class LocalRanges:
    """A local file, opened when it is read; reading has no position, so processes and threads may share it.

    Raises:
        MediaError: MISSING, PERMISSION or NOT_REGULAR.
    """

    def __init__(self, path: str) -> None:
        self.name = path
        try:
            status = Path(path).stat()
        except OSError as error:
            raise _failed(path, error) from None
        if not stat.S_ISREG(status.st_mode):  # opening a pipe would wait for ever
            raise MediaError(path, Fault.NOT_REGULAR, "is a folder, pipe or device; give a file")
        self.size, self.changed = status.st_size, str(status.st_mtime_ns)

    def read(self, offset: int, count: int, until: int) -> bytes:
        """`count` bytes from `offset` on."""
        file = _opened(self.name, self.size, self.changed)
        try:
            data = os.pread(file.number, count, offset)
        except OSError as error:
            detail = f"cannot be read at byte {offset}: {error.strerror}; check the disk"
            raise MediaError(self.name, Fault.CORRUPT, detail) from None
        if len(data) in (0, count):  # always, but at the end of a file and above 2 GiB
            return data
        return data + self.read(offset + len(data), count - len(data), until)


class FileRanges:
    """An open file of another kind, which only one may read at a time."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self.name, self.changed, self._file = name, "", file
        self.size = file.seek(0, io.SEEK_END)

    def read(self, offset: int, count: int, until: int) -> bytes:
        """`count` bytes from `offset` on."""
        self._file.seek(offset)
        return self._file.read(count)


class _File:
    """An open file, closed when nothing uses it any more."""

    def __init__(self, path: str) -> None:
        self.number = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        weakref.finalize(self, os.close, self.number)


@lru_cache(maxsize=OPEN)
def _opened(path: str, size: int, changed: str) -> _File:
    try:
        file = _File(path)
    except OSError as error:
        raise _failed(path, error) from None
    status = os.fstat(file.number)
    if (status.st_size, str(status.st_mtime_ns)) != (size, changed):
        detail = (
            f"changed from {size} to {status.st_size} bytes since it was first opened; start again with what is there"
        )
        raise MediaError(path, Fault.SHARD, detail)
    return file


def _failed(path: str, error: OSError) -> MediaError:
    if isinstance(error, PermissionError):
        return MediaError(path, Fault.PERMISSION, "may not be read; give read permission")
    return MediaError(path, Fault.MISSING, f"cannot be opened: {error.strerror}")


def read_whole(ranges: Ranges, offset: int, count: int, until: int) -> bytes:
    """As `Ranges.read`, of bytes that are known to be there.

    Raises:
        MediaError: SHARD, when what should be there ends early.
    """
    data = ranges.read(offset, count, until)
    if len(data) < count:
        detail = f"ends before byte {offset + count}, up to which its index goes; get or pack it again"
        raise MediaError(ranges.name, Fault.SHARD, detail)
    return data


class Slice(io.RawIOBase):
    """The bytes [start, start + size) of something, as a file that can be read and sought but never left.

    Args:
        ranges: of what.
        start: byte.
        size: bytes.
        table: (start, size) in the same `ranges` of the packet table of these bytes, when one was kept with them.
    """

    def __init__(self, ranges: Ranges, start: int, size: int, table: tuple[int, int] | None = None) -> None:
        super().__init__()
        self.ranges, self.size = ranges, size
        self._start, self._table, self._position = start, table, 0

    def read_at(self, offset: int, count: int) -> bytes:
        """`count` bytes from `offset` on, wherever the file stands.

        Raises:
            MediaError: SHARD, when they are not there; else as `Ranges.read`.
        """
        if not 0 <= offset <= offset + count <= self.size:
            raise MediaError(self.ranges.name, Fault.SHARD, f"has no bytes {offset} to {offset + count} of a member")
        return read_whole(self.ranges, self._start + offset, count, self._start + self.size)

    def view(self) -> BinaryIO:
        """The same bytes with a position of their own."""
        return open_slice(self.ranges, self._start, self.size)

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
        buffer[:count] = data
        self._position += count
        return count


def open_slice(ranges: Ranges, start: int, size: int, table: tuple[int, int] | None = None) -> BinaryIO:
    """A buffered `Slice`."""
    return cast(BinaryIO, io.BufferedReader(Slice(ranges, start, size, table), 1 << 16))


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
