"""Each figure from a process of its own, so that none has the memory or the threads of another."""

import gc
import random
import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

Work = Callable[[], Iterable[object]]


@dataclass(frozen=True)
class Reading:
    """What a process needed to go through everything once."""

    count: int
    cpu: float  # seconds, of all threads
    wall: float  # seconds
    first: float  # seconds until the first one
    private: float  # MB that only this process has, more than before, at most


def private_megabytes() -> float:
    """Memory that this process shares with no other and no file."""
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) / 1024


def read(work: Work, *, memory: bool = False) -> Reading:
    """Run it here. Looking at the memory takes time, so that is another run."""
    gc.collect()
    before, most, count, first = private_megabytes(), 0.0, 0, 0.0
    cpu, wall = time.process_time(), time.perf_counter()
    for count, _ in enumerate(work(), 1):
        first = first or time.perf_counter() - wall
        if memory and count % 50 == 1:
            most = max(most, private_megabytes() - before)
    return Reading(count, time.process_time() - cpu, time.perf_counter() - wall, first, most)


def in_child(work: Work, *, memory: bool = False) -> Reading:
    """Run it in a fork of this process."""
    context = get_context("fork")
    ours, theirs = context.Pipe(duplex=False)

    def child(pipe: Connection) -> None:
        pipe.send(read(work, memory=memory))

    process = context.Process(target=child, args=(theirs,))
    process.start()
    theirs.close()
    try:
        reading: Reading = ours.recv()
    finally:
        process.join()
    return reading


def interleaved(variants: Mapping[str, Work], rounds: int, seed: int = 0) -> dict[str, list[Reading]]:
    """Readings of each variant, one a round in an order that changes; the first round warms caches and is left out."""
    draws, readings = random.Random(seed), {name: list[Reading]() for name in variants}
    for number in range(rounds + 1):
        order = list(variants.items())
        draws.shuffle(order)
        for name, work in order:
            reading = in_child(work)
            if number:
                readings[name].append(reading)
    return readings


def ratio(ours: list[Reading], theirs: list[Reading], cost: Callable[[Reading], float]) -> float:
    """How many times the cost of ours theirs is: the median of the rounds' ratios."""
    return statistics.median(cost(other) / cost(own) for own, other in zip(ours, theirs, strict=True))


def cpu_each(reading: Reading) -> float:
    """Processor seconds an item."""
    return reading.cpu / reading.count


def wall_each(reading: Reading) -> float:
    """Seconds an item."""
    return reading.wall / reading.count


def rate(readings: list[Reading], cost: Callable[[Reading], float]) -> float:
    """Items for one of the cost, in the median round."""
    return 1 / statistics.median(map(cost, readings))
