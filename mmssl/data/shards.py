"""Tar shards in webdataset's layout as recordings with random access."""

import hashlib
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import accumulate
from typing import BinaryIO

import numpy as np

from mmssl.data.captions import AUDIO, MEDIA, VIDEO, describe, kind
from mmssl.data.keyed import Keyed
from mmssl.data.ranges import Ranges, open_slice, read_whole
from mmssl.data.recordings import Recording
from mmssl.data.remote import RemoteRanges
from mmssl.data.shard_index import ShardIndex, read_member
from mmssl.data.shard_index_file import open_index
from mmssl.data.tar import Member
from mmssl.errors import Fault, MediaError, UsageError

FETCHED = 1 << 23  # bytes of a sample that are fetched before it is read: all of a short clip, the begin of a film
TABLE = "packets"  # the member that holds the packet table of a sample's media; shards of others have none
THREADS = 8  # indexes opened at once; a remote one is some round trips


def _media(members: Sequence[Member]) -> Member | None:
    """The member to decode: a video before a sound."""
    for extensions in (VIDEO, AUDIO):
        for member in members:
            if member.name.lower() in extensions:
                return member
    return None


class ShardRecordings(Keyed):
    """The samples of shards in the order of the shards. Keys that several shards hold begin with their shard's name.

    Args:
        name: as the user gave it.
        addresses: of the tars, local or remote.

    Raises:
        MediaError: SHARD, MISSING, PERMISSION or NETWORK, naming the shard.
        UsageError: no sample holds video or sound.
    """

    def __init__(self, name: str, addresses: Sequence[str]) -> None:
        self.name = name
        self._shards: list[tuple[Ranges, ShardIndex]]
        with ThreadPoolExecutor(THREADS) as pool:
            self._shards = list(pool.map(open_index, addresses))
        self._ends = list(accumulate(len(index.keys) for _, index in self._shards))
        kinds = {extension for _, index in self._shards for extension in index.extensions}
        if not kinds & MEDIA:
            found = f"its members are {', '.join(sorted(kinds)[:9])}" if kinds else "it is empty"
            raise UsageError(f"{name} holds no video or sound: {found}; pack media files with mmssl pack")
        self._prefixes = shard_names(addresses) if self._repeats() else None

    def _repeats(self) -> bool:
        """Whether two shards hold one key; told by hashes, as a million strings take seconds and 100 MB."""
        if len(self._shards) == 1:
            return False
        hashes = np.sort(np.concatenate([index.keys.hashes() for _, index in self._shards]))
        if not (hashes[1:] == hashes[:-1]).any():
            return False
        keys = [key for _, index in self._shards for key in index.keys.all()]
        return len(set(keys)) < len(keys)

    def __len__(self) -> int:
        return self._ends[-1]

    def _find(self, index: int) -> tuple[int, int]:
        return find_part(self.name, self._ends, index)

    def _name(self, shard: int, key: str) -> str:
        return f"{self._prefixes[shard]}/{key}" if self._prefixes else key

    def all_keys(self) -> list[str]:
        """Of all recordings."""
        return [self._name(i, key) for i, (_, index) in enumerate(self._shards) for key in index.keys.all()]

    def __getitem__(self, index: int) -> Recording:
        shard, sample = self._find(index)
        ranges, table = self._shards[shard]
        key, members = table.keys[sample], list(table.members(sample))
        media = _media(members)
        described = []
        for member in members:
            if known := kind(member.name):
                name = f"{ranges.name}/{key}.{member.name}"
                described.append((*known, name, partial(read_member, ranges, member)))
        key = self._name(shard, key)
        return describe(key, media.name.lower() if media else "", sorted(described, key=lambda d: d[:3]))

    def source(self, index: int) -> BinaryIO:
        """The bytes of the media member.

        Raises:
            MediaError: SHARD, the sample has no media.
        """
        shard, sample = self._find(index)
        ranges, table = self._shards[shard]
        members = list(table.members(sample))
        media = _media(members)
        if media is None:
            held = ", ".join(member.name for member in members)
            detail = f"has no video or sound, only {held}"
            raise MediaError(f"{ranges.name}/{table.keys[sample]}", Fault.SHARD, detail)
        kept = next(((member.offset, member.size) for member in members if member.name == TABLE), None)
        return open_slice(ranges, media.offset, media.size, kept)

    def members(self, index: int) -> dict[str, memoryview]:
        """All members of a sample by their extensions, as they are, in one read: they lie one after another.

        Raises:
            MediaError: SHARD, NETWORK or CORRUPT.
        """
        shard, sample = self._find(index)
        ranges, table = self._shards[shard]
        members = table.rows(sample)
        start, end = members[0][1], members[-1][1] + members[-1][2]
        data = memoryview(read_whole(ranges, start, end - start, end))
        return {name: data[offset - start : offset - start + size] for name, offset, size in members}

    def fetch_ahead(self, indices: Iterable[int]) -> None:
        """See `FetchAhead`."""
        for index in indices:
            shard, sample = self._find(index)
            ranges, table = self._shards[shard]
            if isinstance(ranges, RemoteRanges) and (rows := table.rows(sample)):
                start, end = rows[0][1], rows[-1][1] + rows[-1][2]
                ranges.fetch_ahead(start, min(end - start, FETCHED))

    def fingerprint(self) -> str:
        """A hash over the keys and sizes; where the shards lie does not matter."""
        digest = hashlib.sha256()
        for _, index in self._shards:
            for array in (index.keys.data, index.keys.ends, index.ends, index.size):
                digest.update(array.tobytes())
        return digest.hexdigest()

    def groups(self) -> Sequence[str]:
        """The group of each recording, from the indexes."""
        return [
            group or self._name(shard, key)
            for shard, (_, index) in enumerate(self._shards)
            for key, group in zip(index.keys.all(), index.groups.all(), strict=True)
        ]


def find_part(name: str, ends: Sequence[int], index: int) -> tuple[int, int]:
    """Number of the part that holds a recording, and its number in that part.

    Args:
        name: of all parts together, for the message.
        ends: recordings up to the end of each part.
        index: of the recording; a negative one counts from the end.

    Raises:
        IndexError: there are not so many.
    """
    count = ends[-1]
    if not -count <= index < count:
        raise IndexError(f"{name} has {count} recordings, no number {index}")
    index %= count
    part = bisect_right(ends, index)
    return part, index - (ends[part - 1] if part else 0)


def shard_names(addresses: Sequence[str]) -> list[str]:
    """What follows the last slash, without the extension; the number of the shard where names repeat."""
    names = [address.rstrip("/").rpartition("/")[2].removesuffix(".tar") for address in addresses]
    return names if len(set(names)) == len(names) else [str(i) for i in range(len(names))]
