"""Contenders over the same work in interleaved rounds."""

import random
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

Work = TypeVar("Work")


def seconds_each(
    contenders: Mapping[str, Callable[[Work], object]],
    draw: Callable[[random.Random], Sequence[Work]],
    rounds: int,
    seed: int,
) -> dict[str, float]:
    """Processor seconds of all threads for one piece of work: the median over rounds, for each contender.

    Every round draws new work and lets each contender do it in turn, in an order that changes, so whatever else the
    machine does meets all of them.

    Args:
        contenders: what does one piece of work.
        draw: the work of a round.
        rounds: how many; one more, which fills caches and loads libraries, is not counted.
        seed: of the draws.
    """
    draws, spent = random.Random(seed), {name: list[float]() for name in contenders}
    for number in range(rounds + 1):
        work, order = draw(draws), list(contenders.items())
        draws.shuffle(order)
        for name, does in order:
            begin = time.process_time()
            for piece in work:
                does(piece)
            if number:
                spent[name].append((time.process_time() - begin) / len(work))
    return {name: statistics.median(seconds) for name, seconds in spent.items()}


def seconds_of(ways: Mapping[str, Callable[[], object]], rounds: int, seed: int = 0) -> dict[str, float]:
    """The same for several ways to do one thing, which each does once a round."""

    def does(way: Callable[[], object]) -> Callable[[None], object]:
        return lambda _: way()

    return seconds_each({name: does(way) for name, way in ways.items()}, lambda _: (None,), rounds, seed)
