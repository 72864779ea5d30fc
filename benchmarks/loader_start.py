"""What a million clips cost before the first batch, and what it costs to go on anywhere in an endless order."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.children import Work, in_child
from benchmarks.loader_transport import BATCH, at_hand
from benchmarks.tables import Row
from mmssl.data.loader import training_batches
from mmssl.data.packed_strings import Strings
from mmssl.data.ranges import LocalRanges
from mmssl.data.shard_index import ShardIndex
from mmssl.data.shard_index_file import SUFFIX, encode

FAR = 10**9  # a step


def make(folder: Path, clips: int, shards: int) -> None:
    """Shards with nothing in them and whole indexes beside them."""
    folder.mkdir()
    each = clips // shards
    for number in range(shards):
        path = folder / f"s-{number:05d}.tar"
        size = np.full(each, 250_000, np.int64)
        offset = np.arange(each, dtype=np.int64) * 251_392 + 512
        with path.open("wb") as file:
            file.truncate(int(offset[-1]) + 251_392)
        index = ShardIndex(
            keys=Strings.pack([f"video_{number * each + i:011d}" for i in range(each)]),
            groups=Strings.pack([""] * each),
            ends=np.arange(1, each + 1, dtype=np.int64),
            extension=np.zeros(each, np.uint16),
            offset=offset,
            size=size,
            extensions=("mp4",),
        )
        path.with_name(path.name + SUFFIX).write_bytes(encode(index, LocalRanges(str(path))))


def measure(folder: Path, clips: int, shards: int, rounds: int) -> list[Row]:
    """Each in a new process, which has imported everything."""
    data = replace(at_hand(0).settings, source=str(folder))

    def batch(start: int, workers: int) -> Iterator[object]:
        yield next(training_batches(data.open(), batch_size=BATCH, seed=0, start=start, workers=workers))

    opened = data.open()

    def order() -> Iterator[object]:
        yield opened.schedule(seed=0, batch_size=BATCH).batch(FAR)

    works: dict[str, Work] = {
        "open the index": lambda: [data.open()],
        "open it, first batch": lambda: batch(0, 0),
        "open it, batch 10^9": lambda: batch(FAR, 0),
        "open it, batch 10^9, 2 workers": lambda: batch(FAR, 2),
        "which clips are in batch 10^9": order,
    }
    rows: list[Row] = []
    for name, work in works.items():
        readings = [in_child(work) for _ in range(rounds)]
        rows.append(
            {
                "part": f"start, {clips:,} clips in {shards} shards",
                "setup": name,
                "figure": float(np.median([reading.wall for reading in readings])),
                "unit": "s",
                "private MB": in_child(work, memory=True).private,
                "CPU s": float(np.median([reading.cpu for reading in readings])),
            }
        )
    return rows
