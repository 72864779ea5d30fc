"""Blocks of remote files on the local disk: bounded, shared by processes, never trusted without its checksum.

Like a processor's cache it is a number of sets of a few ways: a block belongs to one set and replaces the one there
that was used longest ago. So the bound holds without counting or locking, however many processes write.
"""

import os
import shutil
import stat
import zlib
from contextlib import suppress
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from mmssl.data.atomic import write_atomically
from mmssl.errors import UsageError

WAYS = 16
_CHECKSUM = 4  # bytes


def cache_folder() -> Path:
    """`MMSSL_CACHE`, or mmssl in the user's cache folder.

    Raises:
        UsageError: everybody may write into it, and so choose what is read from it.
    """
    folder = _folder(os.environ.get("MMSSL_CACHE"), os.environ.get("XDG_CACHE_HOME"))
    with suppress(OSError):
        if folder.stat().st_mode & stat.S_IWOTH:
            raise UsageError(f"{folder}: everybody may write into this cache; chmod o-w it, or name one by MMSSL_CACHE")
    return folder


@lru_cache(maxsize=4)
def _folder(named: str | None, caches: str | None) -> Path:
    return Path(named or Path(caches or Path("~/.cache").expanduser()) / "mmssl")


def cache_bytes() -> int:
    """`MMSSL_CACHE_GB` times 10^9, 10 GB by default.

    Raises:
        UsageError: it is no number of at least 0.
    """
    told = os.environ.get("MMSSL_CACHE_GB", "10")
    try:
        number = float(told)
    except ValueError:
        number = -1.0
    if not 0 <= number < 1e9:
        raise UsageError(f"MMSSL_CACHE_GB must be a number of gigabytes of at least 0, not {told!r}")
    return int(number * 1e9)


class BlockCache:
    """Blocks by name.

    Args:
        folder: where; made when first written.
        bound: bytes of all blocks together; below one block nothing is kept.
        block: the most bytes of a block.
    """

    def __init__(self, folder: Path, bound: int, block: int) -> None:
        room = bound // (block + _CHECKSUM)
        self._sets = max(room // WAYS, 1)
        self._ways = room // self._sets if room < WAYS else WAYS
        self._folder = folder / f"{self._sets}x{self._ways}x{block}"
        for other in folder.glob("*x*x*") if folder.is_dir() else ():
            if other != self._folder:  # of another bound, which would come on top of this one
                shutil.rmtree(other, ignore_errors=True)

    def _path(self, name: str) -> Path:
        digest = sha256(name.encode(errors="surrogateescape")).hexdigest()
        return self._folder / f"{int(digest[:16], 16) % self._sets:05x}" / digest

    @property
    def keeps(self) -> bool:
        """Whether it keeps anything."""
        return self._ways > 0

    def has(self, name: str) -> bool:
        """Whether there is a block of this name, whole or not."""
        return self._path(name).exists()

    def get(self, name: str) -> bytes | None:
        """The block, or None when it is not here, whole."""
        path = self._path(name)
        try:
            data = path.read_bytes()
            os.utime(path)
        except OSError:
            return None
        block, checksum = data[:-_CHECKSUM], data[-_CHECKSUM:]
        return block if zlib.crc32(block).to_bytes(_CHECKSUM, "big") == checksum else None

    def put(self, name: str, block: bytes) -> None:
        """Keep a block; a place that cannot be written keeps nothing."""
        if not self._ways:
            return
        path = self._path(name)
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            here = sorted((entry.stat().st_mtime_ns, entry.path) for entry in os.scandir(path.parent))
            for _, old in here[: max(len(here) - self._ways + 1, 0)]:
                Path(old).unlink(missing_ok=True)
            write_atomically(path, block + zlib.crc32(block).to_bytes(_CHECKSUM, "big"))
