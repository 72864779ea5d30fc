"""Bytes to caption text: UTF-8 or an error that says where, never a guess."""

import stat
import unicodedata
from codecs import BOM_UTF8
from pathlib import Path

from mmssl.errors import Fault, MediaError

LARGEST = 1 << 25  # bytes of a file that describes one recording; a day of subtitles has less
KEPT_CONTROLS = "\n\t"  # they separate words; `clean` makes them spaces
# Other control and format characters are dropped, except those that shape words (ZWNJ, ZWJ, variation and direction).
JOINERS = "\u200c\u200d\u200e\u200f"


def too_large(name: str, size: int, largest: int = LARGEST) -> None:
    """Refuse to read what is no description of a recording.

    Raises:
        MediaError: TOO_LARGE.
    """
    if size > largest:
        raise MediaError(name, Fault.TOO_LARGE, f"describes a recording in {size} bytes, the limit is {largest}")


def read_small(path: Path, largest: int | None = None) -> bytes:
    """A small regular file whole.

    Args:
        path: of it.
        largest: bytes; None for any number.

    Raises:
        MediaError: MISSING, PERMISSION, NOT_REGULAR or TOO_LARGE.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # reading from a pipe would wait for ever
            raise MediaError(str(path), Fault.NOT_REGULAR, "is a folder, pipe or device; give a file")
        if largest is not None:
            too_large(str(path), status.st_size, largest)
        return path.read_bytes()
    except PermissionError:
        raise MediaError(str(path), Fault.PERMISSION, "may not be read; give read permission") from None
    except OSError as error:
        raise MediaError(str(path), Fault.MISSING, f"cannot be read: {error.strerror}") from None


def decode(data: bytes, name: str) -> str:
    r"""UTF-8 text, a byte order mark at its start removed, line ends made `\n`.

    Raises:
        MediaError: TEXT, with line and byte of what is not UTF-8.
    """
    data = data.removeprefix(BOM_UTF8)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        found = f"byte {data[error.start]:#04x} at offset {error.start} in line {line} is not UTF-8; save it as UTF-8"
        raise MediaError(name, Fault.TEXT, found) from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def clean(text: str) -> str:
    """One line of NFC text: control characters dropped, runs of white space made one space, ends stripped.

    Raises:
        ValueError: a lone surrogate, which no encoding can hold.
    """
    if text.isascii() and text.isprintable():
        return " ".join(text.split())  # most captions: nothing to drop or to compose, at a fiftieth of the time
    kept = (c for c in text if c in KEPT_CONTROLS or c in JOINERS or unicodedata.category(c) not in ("Cc", "Cf"))
    line = " ".join(unicodedata.normalize("NFC", "".join(kept)).split())
    if any(unicodedata.category(c) == "Cs" for c in line):
        raise ValueError("holds half of a surrogate pair, which is not a character; write the character itself")
    return line
