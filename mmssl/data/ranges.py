"""Byte ranges of something: of a local file, or of an open one."""

import io
import os
import stat
import weakref
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, Protocol

from mmssl.errors import Fault, MediaError

CHECKED = 1 << 20  # bytes read at once to be compared with a checksum
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

    What replaces the file is not read, and what is written into it is not given for what was there: each read looks
    whether size and time of change are as they were. Writing that leaves both alone, or two writings within a tick of
    the file system's clock (some ms), are told by checksums alone.

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
        """`count` bytes from `offset` on.

        Raises:
            MediaError: SHARD, when it was written to; MISSING, PERMISSION or CORRUPT.
        """
        file = _opened(self.name, self.size, self.changed)
        try:
            data = os.pread(file.number, count, offset)
        except OSError as error:
            detail = f"cannot be read at byte {offset}: {error.strerror}; check the disk"
            raise MediaError(self.name, Fault.CORRUPT, detail) from None
        _as_it_was(file, self.name, self.size, self.changed)  # not before, when it could still change
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
    _as_it_was(file, path, size, changed)
    return file


def _as_it_was(file: _File, path: str, size: int, changed: str) -> None:
    status = os.fstat(file.number)
    if status.st_size != size or str(status.st_mtime_ns) != changed:
        how = "its bytes" if status.st_size == size else f"from {size} to {status.st_size} bytes"
        detail = f"changed {how} since it was first opened; start again with what is there"
        raise MediaError(path, Fault.SHARD, detail)


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
