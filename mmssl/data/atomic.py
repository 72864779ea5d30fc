"""A file that is there whole or not at all."""

from contextlib import suppress
from errno import EISDIR
from pathlib import Path
from uuid import uuid4


def write_atomically(path: Path, data: bytes | str) -> None:
    r"""Write beside, then rename: another process, or the next run after a crash, sees the whole file or none.

    Args:
        path: in a folder that exists.
        data: text is written as UTF-8, a byte of a name that is none as `\udcff`, the escape that JSON has for it.

    Raises:
        OSError: the place cannot be written; it names the path.
    """
    part = path.with_name(f".{path.name}.{uuid4().hex}.partial")
    try:
        part.write_bytes(data.encode("utf-8", "backslashreplace") if isinstance(data, str) else data)
        part.replace(path)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        error.filename = str(path)  # a full disk names none, other faults the part, which is gone
        error.filename2 = None
        raise


def check_writable(path: Path) -> None:
    """Refuse early a place that a long work could not write to at its end.

    Args:
        path: of a file to be, in a folder that exists.

    Raises:
        OSError: the place cannot be written; it names the path.
    """
    if path.is_dir():
        raise IsADirectoryError(EISDIR, "Is a directory", str(path))
    probe = path.with_name(f".{path.name}.{uuid4().hex}.partial")
    try:
        probe.touch(exist_ok=False)
        probe.unlink()
    except OSError as error:
        error.filename = str(path)
        raise
