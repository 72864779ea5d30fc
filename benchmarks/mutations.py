"""Damage to files, each a function of a seed: what disks, networks and strangers do to recordings."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.random import Generator

Mutation = Callable[[bytearray, Generator, Sequence[bytes]], None]
EXTREMES = (0, 1, 0x7F, 0xFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)


def flip(content: bytearray, draws: Generator, others: Sequence[bytes]) -> None:
    """Some bits, anywhere."""
    for place in draws.integers(0, len(content), int(draws.integers(1, 64))):
        content[place] ^= 1 << int(draws.integers(8))


def head(content: bytearray, draws: Generator, others: Sequence[bytes]) -> None:
    """Noise over the beginning."""
    count = int(draws.integers(1, min(256, len(content)) + 1))
    content[:count] = draws.bytes(count)


def truncate(content: bytearray, draws: Generator, others: Sequence[bytes]) -> None:
    """The end is missing."""
    del content[int(draws.integers(0, len(content))) :]


def splice(content: bytearray, draws: Generator, others: Sequence[bytes]) -> None:
    """A stretch of another file in place of an equally long one."""
    other = others[int(draws.integers(len(others)))]
    count = int(draws.integers(1, min(len(content), len(other)) // 2 + 2))
    begin, source = (int(draws.integers(0, len(data))) for data in (content, other))
    content[begin : begin + count] = other[source : source + count]


def zero(content: bytearray, draws: Generator, others: Sequence[bytes]) -> None:
    """A stretch of zeros."""
    begin = int(draws.integers(0, len(content)))
    count = min(int(draws.integers(1, len(content) // 3 + 2)), len(content) - begin)
    content[begin : begin + count] = bytes(count)


def duplicate(content: bytearray, draws: Generator, others: Sequence[bytes]) -> None:
    """A stretch twice, everything behind it later."""
    begin = int(draws.integers(0, len(content)))
    count = int(draws.integers(1, len(content) // 4 + 2))
    content[begin:begin] = content[begin : begin + count]


def remove(content: bytearray, draws: Generator, others: Sequence[bytes]) -> None:
    """A stretch left out, everything behind it earlier."""
    begin = int(draws.integers(0, len(content)))
    del content[begin : begin + int(draws.integers(1, len(content) // 4 + 2))]


def field(content: bytearray, draws: Generator, others: Sequence[bytes]) -> None:
    """Numbers of a header replaced by extreme ones, in either order of bytes."""
    for _ in range(int(draws.integers(1, 8))):
        # The beginning and the end, where indexes are, more often than the middle.
        place = int(len(content) * draws.beta(0.4, 0.4))
        value = EXTREMES[int(draws.integers(len(EXTREMES)))].to_bytes(4, "big")
        content[place : place + 4] = value if draws.integers(2) else value[::-1]


MUTATIONS: dict[str, Mutation] = {
    mutation.__name__: mutation for mutation in (flip, head, truncate, splice, zero, duplicate, remove, field)
}


def mutated(contents: Sequence[bytes], seed: int, case: int) -> tuple[int, str, bytes]:
    """(number of the file, name of the mutation, damaged content); one case in eight is damaged twice."""
    draws = np.random.default_rng([seed, case])
    number = int(draws.integers(len(contents)))
    names = [str(name) for name in draws.choice(list(MUTATIONS), 2 if draws.integers(8) == 0 else 1)]
    content = bytearray(contents[number])
    for name in names:
        if content:
            MUTATIONS[name](content, draws, contents)
    return number, names[0], bytes(content)
