"""Sample bytes out of storage: from shards, from plain files, from a slow server, beside webdataset and litdata."""

import importlib
import json
import os
import random
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.children import Work, cpu_each, in_child, interleaved, rate, ratio, wall_each
from benchmarks.slow_server import served
from benchmarks.tables import Row
from mmssl.data.order import Order, Part, Schedule
from mmssl.data.shards import ShardRecordings
from mmssl.data.sources import open_recordings
from mmssl.data.tar import END, header, padding

LABELS, BATCH, SHARD, BUFFER = 50, 64, 100, 1000
LATENCY, LINE = 0.02, 60e6  # seconds; bytes a second
PEER = f"webdataset, shuffle({BUFFER})"

Numbers = Iterator[int]  # of the samples, as they come


def _sample(number: int, samples: int) -> dict[str, bytes]:
    draws, label = random.Random(number), number * LABELS // samples
    told = {"captions": [{"text": "a man plays the violin", "language": "en"}], "label": str(label), "url": "-"}
    media = draws.randbytes(draws.randint(200_000, 300_000))
    return {"mp4": media, "json": json.dumps(told).encode(), "txt": b"a man plays the violin"}


def make(folder: Path, samples: int) -> None:
    """The same samples, sorted by label, as shards, as files, and as litdata wants them."""
    shards, files = folder / "shards", folder / "files"
    shards.mkdir(parents=True)
    files.mkdir()
    for first in range(0, samples, SHARD):
        with (shards / f"s-{first // SHARD:04d}.tar").open("wb") as shard:
            for number in range(first, min(first + SHARD, samples)):
                for extension, data in _sample(number, samples).items():
                    shard.write(header(f"{number:07d}.{extension}", len(data)) + data + padding(len(data)))
                    (files / f"{number:07d}.{extension}").write_bytes(data)
            shard.write(END)
    open_recordings(str(shards))  # writes the indexes
    litdata: Any = importlib.import_module("litdata")
    litdata.optimize(
        lambda number: {"number": number, **_sample(number, samples)},
        list(range(samples)),
        str(folder / "litdata"),
        chunk_bytes="32MB",
        num_workers=1,
        start_method="fork",
        keep_data_ordered=True,
        verbose=False,
    )


def in_any_order(count: int) -> Numbers:
    """The whole order of an epoch, as training draws it."""
    schedule = Schedule(Order(), [Part(count)], seed=1, batch_size=BATCH)
    for step in range(count // BATCH):
        yield from schedule.batch(step).tolist()


def ours(recordings: ShardRecordings) -> Numbers:
    """All members of a sample."""
    for number in in_any_order(len(recordings)):
        recordings.members(number)
        yield number


def ours_described(recordings: ShardRecordings) -> Numbers:
    """The same, and the description read into a `Recording`."""
    for number in in_any_order(len(recordings)):
        assert recordings[number].captions
        recordings.members(number)
        yield number


def webdataset(urls: list[str], buffer: int) -> Numbers:
    """As its documentation has it, one reader."""
    library: Any = importlib.import_module("webdataset")
    stream = library.WebDataset(urls, shardshuffle=len(urls) if buffer else False, empty_check=False, seed=1)
    for sample in stream.shuffle(buffer) if buffer else stream:
        yield int(sample["__key__"])


def litdata(folder: Path) -> Numbers:
    """Its shuffle."""
    library: Any = importlib.import_module("litdata")
    for sample in library.StreamingDataset(str(folder), shuffle=True, seed=1):
        yield int(sample["number"])


def files(folder: Path, count: int) -> Numbers:
    """Three files a sample."""
    for number in in_any_order(count):
        for extension in ("mp4", "json", "txt"):
            (folder / f"{number:07d}.{extension}").read_bytes()
        yield number


def entropy(numbers: Iterable[int], samples: int) -> float:
    """Of the labels in a batch, on average, as a share of what true chance gives."""

    def mean(row: Iterable[int]) -> float:
        labels = np.array([number * LABELS // samples for number in row])
        batches = labels[: len(labels) // BATCH * BATCH].reshape(-1, BATCH)
        shares = [np.bincount(batch, minlength=LABELS) / BATCH for batch in batches]
        return float(np.mean([-(share[share > 0] * np.log(share[share > 0])).sum() for share in shares]))

    chance = np.random.default_rng(0)
    return mean(numbers) / float(np.mean([mean(chance.permutation(samples)) for _ in range(20)]))


def forget(folder: Path) -> None:
    """Take a folder's files out of the page cache."""
    os.sync()
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def local(folder: Path, samples: int, rounds: int) -> list[Row]:
    """From the local disk."""
    for library in ("webdataset", "litdata"):
        importlib.import_module(library)  # before the forks, so that nobody's time holds it
    recordings = open_recordings(str(folder / "shards"))
    assert isinstance(recordings, ShardRecordings)
    urls = sorted(str(path) for path in (folder / "shards").glob("*.tar"))
    variants: dict[str, tuple[str, Callable[[], Numbers]]] = {
        "mmssl, any order": ("shards", lambda: ours(recordings)),
        "mmssl, any order, described": ("shards", lambda: ours_described(recordings)),
        PEER: ("shards", lambda: webdataset(urls, BUFFER)),
        "webdataset, as stored": ("shards", lambda: webdataset(urls, 0)),
        "litdata, shuffle": ("litdata", lambda: litdata(folder / "litdata")),
        "files, any order": ("files", lambda: files(folder / "files", samples)),
    }
    readings = interleaved({name: work for name, (_, work) in variants.items()}, rounds)
    rows: list[Row] = []
    for name, (where, work) in variants.items():
        forget(folder / where)
        cold = in_child(work)
        rows.append(
            {
                "part": "bytes, local",
                "setup": name,
                "figure": rate(readings[name], cpu_each),
                "unit": "samples per CPU s",
                "times the peer": ratio(readings[name], readings[PEER], cpu_each),
                "private MB": in_child(work, memory=True).private,
                "first ms": min(reading.first for reading in readings[name]) * 1e3,
                "label entropy": entropy(work(), samples),
                "cold samples/s": cold.count / cold.wall,
            }
        )
    return rows


def as_worker(recordings: ShardRecordings, order: Order, ahead: bool) -> Numbers:
    """Batches as a worker reads them."""
    schedule, size = Schedule(order, [Part(len(recordings))], seed=1, batch_size=16), 16
    for step in range(len(recordings) // size):
        if ahead:
            recordings.fetch_ahead(schedule.batch(step).tolist())
            recordings.fetch_ahead(schedule.batch(step + 1).tolist())
        for number in schedule.batch(step).tolist():
            recordings.members(number)
            yield number


def remote(folder: Path, rounds: int, caches: Path) -> list[Row]:
    """From a slow server, with nothing in the cache; the clock counts here.

    Args:
        folder: with the shards.
        rounds: that count.
        caches: folder for the caches, which are removed with it: removing is not part of the time.
    """
    names = sorted(path.name for path in (folder / "shards").glob("*.tar"))[:4]
    blocks = Order(block=16, window=8)

    def variant(address: str, order: Order, *, reads_ahead: bool) -> Work:
        def work() -> Numbers:
            os.environ["MMSSL_CACHE"] = tempfile.mkdtemp(dir=caches)
            recordings = open_recordings(f"{address}/{{{','.join(names)}}}")
            assert isinstance(recordings, ShardRecordings)
            yield from as_worker(recordings, order, reads_ahead)

        return work

    with served(folder / "shards", latency=LATENCY, bytes_per_second=LINE) as address:
        peer = "webdataset by curl, shuffle(200)"
        variants: dict[str, Work] = {
            "mmssl, blocks of 16, 8 mixed": variant(address, blocks, reads_ahead=True),
            "mmssl, any order": variant(address, Order(), reads_ahead=True),
            "mmssl, blocks, without reading ahead": variant(address, blocks, reads_ahead=False),
            peer: lambda: webdataset([f"{address}/{name}" for name in names], 200),
        }
        readings = interleaved(variants, rounds)
        return [
            {
                "part": f"bytes, server {LATENCY * 1e3:.0f} ms, {LINE / 1e6:.0f} MB/s",
                "setup": name,
                "figure": rate(readings[name], wall_each),
                "unit": "samples/s",
                "times the peer": ratio(readings[name], readings[peer], wall_each),
                "private MB": in_child(work, memory=True).private,
                "first ms": min(reading.first for reading in readings[name]) * 1e3,
            }
            for name, work in variants.items()
        ]
