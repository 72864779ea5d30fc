"""Files at any fsspec address (`https://`, `s3://`, `gs://`, ...) by byte ranges, through a bounded local cache."""

import glob
import os
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Any

from mmssl.data.cache import BlockCache, cache_bytes, cache_folder
from mmssl.data.decode.reader import Source
from mmssl.data.network import TRIES, attempt, filesystem_of, is_remote
from mmssl.data.slices import open_slice
from mmssl.data.text import too_large
from mmssl.errors import Fault, MediaError

BLOCK = 1 << 17  # bytes; a clip's ends lie inside blocks, so this is what a read fetches in vain
AHEAD = 1 << 21  # bytes fetched at once when more of a member will follow
THREADS = 8  # requests at once for what will soon be read


@lru_cache(maxsize=8)
def _cache(folder: str, bound: int) -> BlockCache:
    return BlockCache(Path(folder) / "mmssl-blocks", bound, BLOCK)


# Blocks that a thread is fetching, by process and name: what a fork inherits here, no thread of its own will end.
_coming: dict[tuple[int, str], Future[None]] = {}


@lru_cache(maxsize=1)
def _threads(process: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(THREADS, "fetch-ahead")


class RemoteRanges:
    """A remote file; the connection is made when first read, in each process anew.

    Args:
        address: of it.
        given: by the user, who alone may name own machines (`reach`).
        listing: what fsspec keeps of a listing that named it; None asks for it alone.

    Raises:
        MediaError: MISSING, PERMISSION, NETWORK, or UNSUPPORTED for an unknown kind of address or a forbidden one.
    """

    def __init__(self, address: str, given: bool = True, listing: Any = None) -> None:
        self.name, self._given, self._listing = address, given, listing
        filesystem, path = self._filesystem()
        info = attempt(address, lambda: filesystem.info(path))
        if info.get("size") is None or info.get("partial") is False:
            raise MediaError(address, Fault.NETWORK, "is on a server that does not serve byte ranges")
        self.size = int(info["size"])
        tags = ("ETag", "etag", "Last-Modified", "LastModified", "last_modified", "mtime", "Content-MD5")
        self.changed = "|".join(str(info[tag]) for tag in tags if tag in info)
        self._opened: dict[tuple[int, int], Any] = {}

    def _filesystem(self) -> tuple[Any, str]:
        filesystem, path = filesystem_of(self.name, self._given)
        # A fork has one of its own, which would ask for each file whenever it is opened.
        if self._listing is not None and not filesystem.dircache:
            filesystem.dircache = self._listing
        return filesystem, path

    def _open(self) -> Any:
        # An open file has a position, so each thread has its own; a connection does not outlive a fork.
        who = os.getpid(), threading.get_ident()
        if who not in self._opened:
            filesystem, path = self._filesystem()
            # One that is not told the size asks S3 for the version it looked up, so no byte is of what replaced it.
            size = None if "s3" in filesystem.protocol else self.size
            self._opened[who] = filesystem.open(path, mode="rb", cache_type="none", size=size)
        return self._opened[who]

    def fetch(self, offset: int, count: int, tries: int = TRIES) -> bytes:
        """From the network, past the cache."""

        def act() -> bytes:
            file = self._open()
            file.seek(offset)
            data: bytes = file.read(count)
            if len(data) != count:
                raise ConnectionError(f"{len(data)} of {count} bytes came")
            return data

        return attempt(self.name, act, tries)

    def read(self, offset: int, count: int, until: int) -> bytes:
        """`count` bytes from `offset` on; what is missing is fetched with what follows up to `until`, at most 2 MiB."""
        cache = _cache(str(cache_folder()), cache_bytes())
        end = min(offset + count, self.size)
        last = min(max(until, end), self.size)
        pieces: list[bytes] = []
        while offset < end:
            block, within = divmod(offset, BLOCK)
            name = self._block(block)
            if coming := _coming.get((os.getpid(), name)):
                coming.result()  # what it could not fetch is tried again here, where errors are told
            data = cache.get(name) or self._fetch_run(cache, block, last)
            pieces.append(data[within:][: end - offset])
            offset += len(pieces[-1])
        return b"".join(pieces)

    def fetch_ahead(self, offset: int, count: int) -> None:
        """Begin to fetch bytes into the cache that will soon be read."""
        cache, process = _cache(str(cache_folder()), cache_bytes()), os.getpid()
        blocks = range(offset // BLOCK, -(-min(offset + count, self.size) // BLOCK))
        names = {block: (process, self._block(block)) for block in blocks}
        missing = [block for block, name in names.items() if name not in _coming and not cache.has(name[1])]
        if not missing or not cache.keeps:
            return
        first, end = missing[0], min((missing[-1] + 1) * BLOCK, self.size)

        def act() -> None:
            try:
                for block in range(first, -(-end // BLOCK), AHEAD // BLOCK):
                    self._fetch_run(cache, block, end, tries=1)
            finally:
                for block in missing:
                    _coming.pop(names[block], None)

        # Named before it begins, as it may be over before `submit` returns.
        over = Future[None]()
        _coming.update(dict.fromkeys((names[block] for block in missing), over))
        _threads(process).submit(act).add_done_callback(lambda _: over.set_result(None))

    def _block(self, block: int) -> str:
        return f"{self.name}\0{self.size}\0{self.changed}\0{block}"

    def _fetch_run(self, cache: BlockCache, block: int, last: int, tries: int = TRIES) -> bytes:
        """Fetch blocks from one on as far as `last`, at most `AHEAD`, and keep them; what came."""
        start = block * BLOCK
        stop = min(-(-min(last, start + AHEAD) // BLOCK) * BLOCK, self.size)
        data = self.fetch(start, stop - start, tries)
        for i in range(0, len(data), BLOCK):
            cache.put(self._block(block + i // BLOCK), data[i : i + BLOCK])
        return data

    def __getstate__(self) -> dict[str, object]:
        return {**vars(self), "_opened": {}}


class RemoteFiles:
    """Files below a remote folder, or at any address when a name is one.

    Args:
        address: of the folder, which the user gave.
        given: the user gave the addresses among the names as well.
    """

    def __init__(self, address: str, given: bool = True) -> None:
        self.address, self._given, self._listing = address.rstrip("/"), given, None

    def _ranges(self, name: str) -> RemoteRanges:
        if is_remote(name):
            return RemoteRanges(name, self._given)
        return RemoteRanges(f"{self.address}/{name}", listing=self._listing)

    def source(self, name: str) -> Source:
        """An open file."""
        ranges = self._ranges(name)
        return open_slice(ranges, 0, ranges.size)

    def read(self, name: str, largest: int | None = None) -> bytes:
        """A small file whole.

        Raises:
            MediaError: as for `RemoteRanges`, or TOO_LARGE.
        """
        ranges = self._ranges(name)
        if largest is not None:
            too_large(ranges.name, ranges.size, largest)
        return ranges.read(0, ranges.size, ranges.size)

    def size(self, name: str) -> int:
        """Bytes; -1 when it is missing."""
        try:
            return self._ranges(name).size
        except MediaError as error:
            if error.fault is not Fault.MISSING:
                raise
            return -1

    def names(self) -> list[str]:
        """Names of all files below, sorted.

        Raises:
            MediaError: as for `RemoteRanges`.
        """
        filesystem, path = filesystem_of(self.address)
        found = attempt(self.address, lambda: filesystem.find(path))
        self._listing = filesystem.dircache
        return sorted(name.removeprefix(path).lstrip("/") for name in found)


def match_remote(address: str) -> list[str]:
    """The address itself, or what a glob in it finds.

    Raises:
        MediaError: MISSING, when that is nothing.
    """
    if not glob.has_magic(address.partition("?")[0] if address.startswith("http") else address):
        return [address]
    filesystem, path = filesystem_of(address)
    found = attempt(address, lambda: filesystem.glob(path))
    if not found:
        raise MediaError(address, Fault.MISSING, "matches nothing; check the address")
    return sorted(filesystem.unstrip_protocol(name) for name in found)
