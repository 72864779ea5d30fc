"""Processor seconds of several ways to do the same, taken in turn so that whatever else the machine does meets all."""

import random
import statistics
import time
from collections.abc import Callable, Mapping


def seconds_of(ways: Mapping[str, Callable[[], object]], rounds: int, seed: int = 0) -> dict[str, float]:
    """The median over rounds of each, all threads counted; every round takes them in another order.

    A round that fills caches and loads libraries goes before and does not count.
    """
    draws, order = random.Random(seed), list(ways.items())
    spent: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        draws.shuffle(order)
        for name, way in order:
            begin = time.process_time()
            way()
            if number:
                spent[name].append(time.process_time() - begin)
    return {name: statistics.median(times) for name, times in spent.items()}
