"""The index of a tar shard: which samples it holds and where their members lie, kept beside it as `NAME.tar.index.npz`.

Flat arrays in an uncompressed `.npz` (never pickle), so that a million members open in a fraction of a second.
"""

import io
import json
import re
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmssl.data.atomic import write_atomically
from mmssl.data.cache import cache_folder
from mmssl.data.captions import DESCRIPTION, json_fields
from mmssl.data.fields import identifier
from mmssl.data.packed_strings import Ints, Strings
from mmssl.data.ranges import LocalRanges, Ranges, read_whole
from mmssl.data.remote import RemoteRanges, is_remote
from mmssl.data.tar import BLOCK, Member, Window, members
from mmssl.data.text import too_large
from mmssl.errors import Fault, MediaError

FORMAT = 1
SUFFIX = ".index.npz"
LARGEST_DESCRIPTION = 1 << 22  # bytes of a .json that is read for its group
# As webdataset does: the key ends at the first dot of the last part of the name.
_NAME = re.compile(r"((?:.*/)?[^./]+)\.([^/]+)")
_META = re.compile(r"__[^/]*__(/|$)")


@dataclass(frozen=True)
class ShardIndex:
    """S samples with M members.

    Attributes:
        keys: [S].
        groups: [S], "" where the `.json` names none.
        ends: [S], each sample's members end here; they begin where those of the sample before end.
        extension: [M], number in `extensions`.
        offset: [M] bytes.
        size: [M] bytes.
        extensions: what follows the key and a dot, like `mp4` and `en.srt`.
    """

    keys: Strings
    groups: Strings
    ends: Ints
    extension: NDArray[np.uint16]
    offset: Ints
    size: Ints
    extensions: tuple[str, ...]

    def rows(self, sample: int) -> list[tuple[str, int, int]]:
        """(extension, offset, size) of the members of a sample, in their order."""
        here = slice(self.ends[sample - 1] if sample else 0, self.ends[sample])
        names = [self.extensions[number] for number in self.extension[here]]
        return list(zip(names, self.offset[here].tolist(), self.size[here].tolist(), strict=True))

    def members(self, sample: int) -> Iterator[Member]:
        """The members of a sample, named by their extension."""
        return (Member(*row) for row in self.rows(sample))


def _samples(read_all: Iterator[Member], shard: str) -> Iterator[tuple[str, list[Member]]]:
    """Members that follow each other under one key, named by their extensions."""
    seen: set[str] = set()
    key, parts = "", dict[str, Member]()
    for member in read_all:
        match = _NAME.fullmatch(member.name)
        if match is None or _META.match(member.name):
            continue  # no sample: a README
        if match[1] != key:
            if parts:
                yield key, list(parts.values())
            key, parts = match[1], {}
            if key in seen:
                raise MediaError(
                    shard, Fault.SHARD, f"holds key {key!r:.100} twice or its members apart; pack it again"
                )
            seen.add(key)
        if match[2] in parts:
            raise MediaError(shard, Fault.SHARD, f"holds member {member.name!r:.100} twice; pack it again")
        parts[match[2]] = Member(match[2], member.offset, member.size)
    if parts:
        yield key, list(parts.values())


def read_member(ranges: Ranges, member: Member) -> bytes:
    """A small member whole.

    Raises:
        MediaError: TOO_LARGE.
    """
    too_large(f"{ranges.name}/{member.name}", member.size)
    return read_whole(ranges, member.offset, member.size, member.offset + member.size)


def _group(ranges: Ranges, found: list[Member], key: str) -> str:
    """What the `.json` says; one that is wrong says nothing here and fails when its sample is asked for."""
    for member in found:
        if member.name == DESCRIPTION and member.size <= LARGEST_DESCRIPTION:
            try:
                group = identifier(json_fields(read_member(ranges, member), ranges.name).get("group"))
            except MediaError:
                return ""
            return "" if group == key else group
    return ""


def build(ranges: Ranges) -> ShardIndex:
    """Read all headers of a shard.

    Raises:
        MediaError: SHARD; truncated, damaged, members of one key apart or twice.
    """
    window = Window(lambda offset, count: ranges.read(offset, count, offset + count), ranges.size)
    keys, groups, ends, extensions = [], [], [], dict[str, int]()
    table: list[tuple[int, int, int]] = []
    for key, found in _samples(members(window, ranges.size, ranges.name), ranges.name):
        table += [(extensions.setdefault(m.name, len(extensions)), m.offset, m.size) for m in found]
        keys.append(key)
        groups.append(_group(ranges, found, key))
        ends.append(len(table))
    columns = np.array(table, np.int64).reshape(-1, 3).T
    if len(extensions) > np.iinfo(np.uint16).max:
        raise MediaError(ranges.name, Fault.SHARD, f"has {len(extensions)} kinds of members; is it a shard?")
    return ShardIndex(
        keys=Strings.pack(keys),
        groups=Strings.pack(groups),
        ends=np.array(ends, np.int64),
        extension=columns[0].astype(np.uint16),
        offset=np.ascontiguousarray(columns[1]),
        size=np.ascontiguousarray(columns[2]),
        extensions=tuple(extensions),
    )


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
