"""Checks before a decoder sees a file: it is there, readable, regular, not empty, not too large.

A FIFO or a device would hang an open, and a decoder given a name that it reads as an address would fetch it.
"""

import io
import os
import re
import stat
from pathlib import Path
from typing import BinaryIO

from mmssl.data.decode.reader import Source
from mmssl.errors import Fault, MediaError

_ADDRESS = re.compile(r"[a-z][a-z0-9]+:/")  # `Path` has made one slash of two


def checked(source: Source, name: str, largest: int) -> Source:
    """The source as a decoder may open it: an absolute path (never read as an address) or a rewound file object.

    Args:
        source: a path or an open seekable binary file.
        name: for messages.
        largest: bytes.

    Raises:
        MediaError: MISSING, PERMISSION, NOT_REGULAR, EMPTY or TOO_LARGE.
    """
    if isinstance(source, str):
        path = Path.cwd() / source  # not resolved: the user's name, in which `link/..` is where the link leads
        size = _file_size(path, name)
    else:
        path = None
        source.seek(0, io.SEEK_END)
        size = source.tell()
        source.seek(0)
    if size == 0:
        raise MediaError(name, Fault.EMPTY, "the file has 0 bytes")
    if size > largest:
        raise MediaError(name, Fault.TOO_LARGE, f"{size} bytes, the limit is {largest}; cut it or raise Limits.size")
    return source if path is None else str(path)


def _file_size(path: Path, name: str) -> int:
    try:
        status = path.stat()
    except PermissionError as error:
        raise MediaError(name, Fault.PERMISSION, "its folder may not be read by this user") from error
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        detail = "there is no such file"
        if _ADDRESS.match(name):
            detail = "is an address, of which a command for one file reads nothing; copy the file to this machine first"
        raise MediaError(name, Fault.MISSING, detail) from error
    if not stat.S_ISREG(status.st_mode):
        raise MediaError(name, Fault.NOT_REGULAR, "a folder, pipe, socket or device cannot be decoded")
    if not os.access(path, os.R_OK):
        raise MediaError(name, Fault.PERMISSION, "the file may not be read by this user")
    return status.st_size


def why_unreadable(source: Source, name: str) -> MediaError:
    """What to say of a file that no demuxer takes: an MP4 that was cut before its index, or not a recording at all."""
    if isinstance(source, str):
        with Path(source).open("rb") as file:
            complete = _has_index(file)
    else:
        complete = _has_index(source)
    if complete is None:
        return MediaError(name, Fault.UNRECOGNIZED, "not a recording in a container that mmssl opens")
    if complete:
        return MediaError(name, Fault.CORRUPT, "the index of this MP4 (its moov box) is damaged")
    return MediaError(name, Fault.TRUNCATED, "this MP4 ends before its index (no moov box); copy or download it again")


def _has_index(file: BinaryIO) -> bool | None:
    """Whether an MP4 has a whole `moov` box; None for other files. Reads box headers only (ISO 14496-12, 4.2)."""
    size, offset = file.seek(0, io.SEEK_END), 0
    for count in range(1000):
        file.seek(offset)
        head = file.read(16)
        kind = head[4:8]
        if count == 0 and kind != b"ftyp":
            return None
        if len(head) < 8:
            break
        length = int.from_bytes(head[:4], "big")
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        if kind == b"moov":
            return length == 0 or offset + length <= size
        if length < 8:
            break
        offset += length
        if offset > size:  # a length out of all measure cannot even be sought
            break
    return False
