"""The index of a tar shard as a file, kept beside it as `NAME.tar.index.npz` or in the cache.

Flat arrays in an uncompressed `.npz` (never pickle), so that a million members open in a fraction of a second.
"""

import io
import json
import zipfile
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmssl.data.atomic import write_atomically
from mmssl.data.cache import cache_folder
from mmssl.data.network import is_remote
from mmssl.data.packed_strings import Strings
from mmssl.data.ranges import LocalRanges, Ranges
from mmssl.data.remote import RemoteRanges
from mmssl.data.shard_index import ShardIndex, build
from mmssl.data.tar import BLOCK
from mmssl.errors import Fault, MediaError

FORMAT = 1
SUFFIX = ".index.npz"


def seal(ranges: Ranges, index: ShardIndex) -> str:
    """A hash of the first and the last header: tells a shard from another of its size where times are not kept."""
    last = max(int(index.offset.max(initial=BLOCK)) - BLOCK, 0)
    return sha256(ranges.read(0, BLOCK, BLOCK) + ranges.read(last, BLOCK, last + BLOCK)).hexdigest()


def encode(index: ShardIndex, ranges: Ranges) -> bytes:
    """The `.npz`."""
    told = {"format": FORMAT, "size": ranges.size, "changed": ranges.changed, "seal": seal(ranges, index)}
    told["extensions"] = index.extensions
    arrays: dict[str, NDArray[Any]] = {
        "keys": index.keys.data,
        "key_ends": index.keys.ends,
        "groups": index.groups.data,
        "group_ends": index.groups.ends,
        "ends": index.ends,
        "extension": index.extension,
        "offset": index.offset,
        "size": index.size,
        "told": np.frombuffer(json.dumps(told).encode(), np.uint8),
    }
    data = io.BytesIO()
    np.savez(data, allow_pickle=False, **arrays)
    return data.getvalue()


def decode(data: bytes, ranges: Ranges, *, sealed: bool) -> ShardIndex | None:
    """The index, or None when it is damaged or of another version of the shard.

    Args:
        data: the `.npz`.
        ranges: the shard.
        sealed: compare the seal rather than the time of change, which an upload does not keep.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as parts:
            if any(part.compress_type != zipfile.ZIP_STORED for part in parts.infolist()):
                return None  # a megabyte could unpack to a gigabyte
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            a = {name: arrays[name] for name in arrays.files}
        told = json.loads(a["told"].tobytes())
        index = ShardIndex(
            keys=Strings(a["keys"], a["key_ends"]),
            groups=Strings(a["groups"], a["group_ends"]),
            ends=a["ends"],
            extension=a["extension"],
            offset=a["offset"],
            size=a["size"],
            extensions=tuple(told["extensions"]),
        )
        same = told["format"] == FORMAT and told["size"] == ranges.size and _fits(index, ranges.size)
    # MemoryError: an array that says it holds more than there is memory.
    except (
        ValueError, KeyError, TypeError, IndexError, AttributeError, EOFError, NotImplementedError,
        MemoryError, RecursionError, zipfile.BadZipFile,
    ):  # fmt: skip
        return None
    current = same and (told["seal"] == seal(ranges, index) if sealed else told["changed"] == ranges.changed)
    return index if current else None


def _fits(index: ShardIndex, size: int) -> bool:
    """Whether an index, which may be a stranger's, names nothing but members inside its shard."""
    samples, count = len(index.keys), len(index.offset)
    numbers = (index.ends, index.offset, index.size, index.keys.ends, index.groups.ends)
    if any(array.dtype != np.int64 or array.ndim != 1 for array in numbers) or index.extension.dtype != np.uint16:
        return False
    if not (len(index.groups) == len(index.ends) == samples and len(index.size) == len(index.extension) == count):
        return False
    for ends, total in (
        (index.ends, count),
        (index.keys.ends, len(index.keys.data)),
        (index.groups.ends, len(index.groups.data)),
    ):
        if (np.diff(ends, prepend=0) < 0).any() or (ends[-1] if len(ends) else 0) != total:
            return False
    if index.keys.data.dtype != np.uint8 or index.groups.data.dtype != np.uint8:
        return False
    index.keys.all()
    index.groups.all()
    inside = (index.offset >= 0) & (index.size >= 0) & (index.offset <= size) & (index.size <= size - index.offset)
    named = all(isinstance(name, str) for name in index.extensions)
    return bool(inside.all() and named and (index.extension < len(index.extensions)).all())


def open_index(address: str) -> tuple[Ranges, ShardIndex]:
    """A shard and its index: the one beside it, else the one in the cache, else built now and kept where it can be.

    Raises:
        MediaError: SHARD, MISSING, PERMISSION or NETWORK.
    """
    remote = is_remote(address)
    ranges: Ranges = RemoteRanges(address) if remote else LocalRanges(address)
    name = f"{address if remote else Path(address).resolve()}\0{ranges.size}\0{ranges.changed}"
    cached = cache_folder() / "indexes" / (sha256(name.encode(errors="surrogateescape")).hexdigest() + ".npz")
    beside = Path(address + SUFFIX)
    for place in (cached,) if remote else (beside, cached):
        with suppress(OSError):
            if index := decode(place.read_bytes(), ranges, sealed=False):
                return ranges, index
    index = _remote_beside(address, ranges) if remote else None
    index = index or build(ranges)
    for place in (cached,) if remote else (beside, cached):
        with suppress(OSError):
            place.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(place, encode(index, ranges))
            break
    return ranges, index


def _remote_beside(address: str, ranges: Ranges) -> ShardIndex | None:
    try:
        beside = RemoteRanges(address + SUFFIX)
        if beside.size > ranges.size:
            return None  # a member has a header of 512 bytes, and 30 bytes in an index
        return decode(beside.read(0, beside.size, beside.size), ranges, sealed=True)
    except MediaError as error:
        if error.fault not in (Fault.MISSING, Fault.PERMISSION):
            raise
        return None  # S3 says of a missing object that it may not be read, where it may not be listed
