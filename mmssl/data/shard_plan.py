"""Which recording goes into which shard, under which key: a pure function of the source and its files' sizes."""

import hashlib
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from mmssl.data.recordings import Recordings
from mmssl.data.slices import open_source
from mmssl.errors import MediaError

MEMBER = 2048  # bytes of headers and padding that a sample costs, about
LONGEST_KEY = 200  # characters; longer names end in a hash
_FORBIDDEN = re.compile(r"[^\w\-+=,@#~()!' ]")  # a dot would end the key in webdataset's layout


@dataclass(frozen=True)
class ShardPlan:
    """Recordings [start, stop) of the source, under their new keys."""

    name: str
    start: int
    stop: int
    keys: tuple[str, ...]
    bytes: int  # about


def safe_keys(keys: Sequence[str]) -> list[str]:
    """Keys that name members of a tar for every reader: no dots, no empty parts, unique; else as they were."""
    taken: set[str] = set()
    safe = []
    for key in keys:
        parts = [_FORBIDDEN.sub("_", part).strip() for part in unicodedata.normalize("NFC", key).split("/")]
        name = "/".join(part for part in parts if part) or "_"
        if name.startswith("__"):  # webdataset leaves out `__meta__`
            name = "_" + name.lstrip("_")
        if len(name) > LONGEST_KEY:
            name = name[: LONGEST_KEY - 17].rstrip("/ ") + "-" + hashlib.sha256(name.encode()).hexdigest()[:16]
        unique, number = name, 1
        while unique in taken:
            unique, number = f"{name}-{number + 1}", number + 1
        taken.add(unique)
        safe.append(unique)
    return safe


def _size(recordings: Recordings, index: int) -> int:
    try:
        source, size = open_source(recordings.source(index))
    except MediaError:
        return 0  # told when its shard is written
    source.close()
    return size


def plan_spans(recordings: Recordings, shard_bytes: int) -> list[tuple[int, int]]:
    """First recording and bytes of each shard: up to `shard_bytes`; a larger recording has its shard to itself."""
    starts, sizes = [0], [0]
    for index in range(len(recordings)):
        size = _size(recordings, index) + MEMBER
        if sizes[-1] and sizes[-1] + size > shard_bytes:
            starts.append(index)
            sizes.append(0)
        sizes[-1] += size
    return list(zip(starts, sizes, strict=True))


def plan_shards(keys: Sequence[str], spans: Sequence[tuple[int, int]]) -> list[ShardPlan]:
    """Consecutive recordings, parted as `plan_spans` says."""
    starts, sizes = zip(*spans, strict=True)
    stops = [*starts[1:], len(keys)]
    width = max(len(str(len(starts) - 1)), 6)
    safe = safe_keys(keys)
    return [
        ShardPlan(f"shard-{number:0{width}d}.tar", start, stop, tuple(safe[start:stop]), size)
        for number, (start, stop, size) in enumerate(zip(starts, stops, sizes, strict=True))
    ]
