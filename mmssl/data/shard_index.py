"""The index of a tar shard: which samples it holds and where their members lie."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmssl.data.captions import DESCRIPTION, json_fields
from mmssl.data.fields import identifier
from mmssl.data.packed_strings import Ints, Strings
from mmssl.data.ranges import Ranges, read_whole
from mmssl.data.tar import Member, Window, members
from mmssl.data.text import too_large
from mmssl.errors import Fault, MediaError

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
