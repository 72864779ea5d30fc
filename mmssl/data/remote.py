"""Files at any fsspec address (`https://`, `s3://`, `gs://`, ...) by byte ranges, through a bounded local cache."""

import asyncio
import os
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from mmssl.data.cache import BlockCache, cache_bytes, cache_folder
from mmssl.data.reach import HTTP, is_own, own_client, public_client, refusal
from mmssl.errors import Fault, MediaError

BLOCK = 1 << 17  # bytes; a clip's ends lie inside blocks, so this is what a read fetches in vain
AHEAD = 1 << 21  # bytes fetched at once when more of a member will follow
THREADS = 8  # requests at once for what will soon be read
TRIES = 3
ABSENT, REFUSED = (404, 410), (401, 403)  # HTTP statuses that another try does not change
# Storage, each opened by itself. fsspec knows more, by which a row of a manifest could open local files, archives in
# archives, lists of further addresses (`reference::`), shells on other machines or notebooks.
SCHEMES = frozenset(
    ("http", "https", "s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl", "hf", "oss", "oci", "hdfs", "webhdfs")
) | {"memory"}
INSIDE = frozenset(("hdfs", "webhdfs"))  # name a host of a cluster, so only the user may name them
PAUSE = 0.5  # seconds before the second try; doubled before each further one

T = TypeVar("T")


def is_remote(address: str) -> bool:
    """Whether it is an address, not a path."""
    return "://" in address


def open_filesystem(address: str, given: bool = True) -> tuple[Any, str]:
    """The file system and the path in it; unless the user gave the address, one that reaches no own machine."""
    import fsspec

    scheme = address.partition(":")[0].lower()
    if "::" in address or scheme not in SCHEMES:
        known = ", ".join(sorted(SCHEMES))
        raise MediaError(address, Fault.UNSUPPORTED, f"is no address that mmssl opens; it opens {known}")
    if scheme in INSIDE and not given:
        raise MediaError(address, Fault.UNSUPPORTED, f"is named by a manifest from elsewhere; {scheme} is for your own")
    client = {"get_client": own_client if given and is_own(address) else public_client} if scheme in HTTP else {}
    try:
        filesystem, path = fsspec.core.url_to_fs(address, **client)
    except ImportError as error:
        raise MediaError(address, Fault.UNSUPPORTED, f"needs a package: {error}") from None
    except ValueError as error:
        raise MediaError(address, Fault.UNSUPPORTED, f"is no address that fsspec knows: {error}") from None
    return filesystem, path


def _network_errors() -> tuple[type[BaseException], ...]:
    """What a failing network raises; only libraries that are in use can raise theirs."""
    errors: list[type[BaseException]] = [OSError, asyncio.TimeoutError]
    if "aiohttp" in sys.modules:
        errors.append(sys.modules["aiohttp"].ClientError)
    if "botocore.exceptions" in sys.modules:
        errors.append(sys.modules["botocore.exceptions"].BotoCoreError)
    return tuple(errors)


def _status(error: BaseException) -> int:
    """The HTTP status that an error carries; 0 for none."""
    return int(getattr(error, "status", 0))


def attempt(address: str, act: Callable[[], T]) -> T:
    """Do it, three times when the network fails.

    Raises:
        MediaError: MISSING, PERMISSION, or UNSUPPORTED for where it may not lead, at once; NETWORK after the last try.
    """
    failure: BaseException
    for left in reversed(range(TRIES)):
        try:
            return act()
        except FileNotFoundError as error:
            _refuse(address, error)
            # fsspec says so of a server that does not answer, too; only an answer is final.
            if not isinstance(error.__cause__, _network_errors()) or _status(error.__cause__) in ABSENT:
                raise MediaError(address, Fault.MISSING, "is not there; check the address") from None
            failure = error.__cause__
        except (NotImplementedError, ValueError) as error:
            detail = f"cannot be read by byte ranges, its server may not offer them: {error!s:.200}"
            raise MediaError(address, Fault.NETWORK, detail) from None
        except _network_errors() as error:
            _refuse(address, error)
            failure = error
        if isinstance(failure, PermissionError) or _status(failure) in REFUSED:
            raise MediaError(address, Fault.PERMISSION, "may not be read; give credentials for it") from None
        if left:
            time.sleep(PAUSE * 2 ** (TRIES - 1 - left))
    detail = f"could not be read in {TRIES} tries: {failure!s:.200}" if str(failure) else type(failure).__name__
    raise MediaError(address, Fault.NETWORK, detail)


def _refuse(address: str, error: BaseException) -> None:
    if told := refusal(error):
        raise MediaError(address, Fault.UNSUPPORTED, told) from None


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

    Raises:
        MediaError: MISSING, PERMISSION, NETWORK, or UNSUPPORTED for an unknown kind of address or a forbidden one.
    """

    def __init__(self, address: str, given: bool = True) -> None:
        self.name, self._given = address, given
        filesystem, path = open_filesystem(address, given)
        info = attempt(address, lambda: filesystem.info(path))
        if info.get("size") is None or info.get("partial") is False:
            raise MediaError(address, Fault.NETWORK, "is on a server that does not serve byte ranges")
        self.size = int(info["size"])
        tags = ("ETag", "etag", "Last-Modified", "LastModified", "last_modified", "mtime", "Content-MD5")
        self.changed = "|".join(str(info[tag]) for tag in tags if tag in info)
        self._opened: dict[tuple[int, int], Any] = {}

    def _open(self) -> Any:
        # An open file has a position, so each thread has its own; a connection does not outlive a fork.
        who = os.getpid(), threading.get_ident()
        if who not in self._opened:
            filesystem, path = open_filesystem(self.name, self._given)
            self._opened[who] = filesystem.open(path, mode="rb", cache_type="none", size=self.size)
        return self._opened[who]

    def fetch(self, offset: int, count: int) -> bytes:
        """From the network, past the cache."""

        def act() -> bytes:
            file = self._open()
            file.seek(offset)
            data: bytes = file.read(count)
            if len(data) != count:
                raise ConnectionError(f"{len(data)} of {count} bytes came")
            return data

        return attempt(self.name, act)

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
                    self._fetch_run(cache, block, end)
            finally:
                for block in missing:
                    _coming.pop(names[block], None)

        # Named before it begins, as it may be over before `submit` returns.
        over = Future[None]()
        _coming.update(dict.fromkeys((names[block] for block in missing), over))
        _threads(process).submit(act).add_done_callback(lambda _: over.set_result(None))

    def _block(self, block: int) -> str:
        return f"{self.name}\0{self.size}\0{self.changed}\0{block}"

    def _fetch_run(self, cache: BlockCache, block: int, last: int) -> bytes:
        """Fetch blocks from one on as far as `last`, at most `AHEAD`, and keep them; what came."""
        start = block * BLOCK
        stop = min(-(-min(last, start + AHEAD) // BLOCK) * BLOCK, self.size)
        data = self.fetch(start, stop - start)
        for i in range(0, len(data), BLOCK):
            cache.put(self._block(block + i // BLOCK), data[i : i + BLOCK])
        return data

    def __getstate__(self) -> dict[str, object]:
        return {**vars(self), "_opened": {}}
