"""Keyed permutations that are computed at any place without the places before it.

A shuffled list of a million recordings must be built before its last entry is known, and a generator must be run
through; a bijection computed from a key makes a resumed run start at once, whatever its step.
"""

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]
Numbers = NDArray[np.int64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_ROUNDS = 6


def _word(part: int | Numbers | Words) -> Words:
    if isinstance(part, int):
        return np.array([part & 0xFFFFFFFFFFFFFFFF], dtype=np.uint64)
    return np.atleast_1d(part).astype(np.uint64)


def _finalize(x: Words) -> Words:
    """The finalizer of splitmix64 (Steele, Lea and Flood 2014, figure 17)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def mix(*parts: int | Numbers | Words) -> Words:
    """A 64-bit hash of a sequence of whole numbers; arrays broadcast, so `[n]` numbers give `[n]` hashes."""
    state = _word(0)
    for part in parts:
        state = _finalize((state ^ _finalize(_word(part) + _GOLDEN)) + _GOLDEN)
    return state


def fraction(*parts: int | Numbers | Words) -> NDArray[np.float64]:
    """A number in [0, 1) from the same hash."""
    return (mix(*parts) >> np.uint64(11)).astype(np.float64) / (1 << 53)


def _half_bits(sizes: Words) -> Words:
    """Half the bits of the smallest domain 4^h, h >= 1, that holds each size."""
    powers = np.uint64(4) ** np.arange(1, 32, dtype=np.uint64)
    return np.searchsorted(powers, sizes, side="left").astype(np.uint64) + np.uint64(1)


def _encrypt(x: Words, half: Words, key: Words) -> Words:
    mask = (np.uint64(1) << half) - np.uint64(1)
    left, right = x >> half, x & mask
    for number in range(_ROUNDS):
        left, right = right, left ^ (mix(key, number, right) & mask)
    return (left << half) | right


def _decrypt(x: Words, half: Words, key: Words) -> Words:
    mask = (np.uint64(1) << half) - np.uint64(1)
    left, right = x >> half, x & mask
    for number in reversed(range(_ROUNDS)):
        round_key: Words = mix(key, number, left) & mask
        left, right = right ^ round_key, left
    return (left << half) | right


def permute(
    places: Numbers, sizes: int | Numbers, key: int | Numbers | Words, *, inverse: bool = False
) -> NDArray[np.int64]:
    """Where a shuffle of [0, size) puts each place; a Feistel network (Luby and Rackoff 1988) with cycle walking.

    Args:
        places: `[n]` in [0, size).
        sizes: of the set; one, or one for each place.
        key: one key names one permutation; one, or one for each place.
        inverse: give the place that would be put here instead.

    Returns:
        `[n]` in [0, size).
    """
    shape = np.broadcast_shapes(np.shape(places), np.shape(sizes), np.shape(key))
    x, size, keys = (np.broadcast_to(_word(part), shape).copy() for part in (places, sizes, key))
    half, turn = _half_bits(size), _decrypt if inverse else _encrypt
    x = turn(x, half, keys)
    # A result outside the set is encrypted again: the walk stays on one cycle, so it stays a bijection of the set.
    while (outside := np.flatnonzero(x >= size)).size:
        x[outside] = turn(x[outside], half[outside], keys[outside])
    return x.astype(np.int64)
