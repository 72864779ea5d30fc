"""Counts on the disk are those of a `Counter`."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from mmssl.data.corpus.tally import Tally, held_in


@pytest.mark.parametrize("held", [1, 7, 10_000])
def test_counts_are_exact(tmp_path: Path, held: int) -> None:
    rng = np.random.default_rng(0)
    batches = [rng.integers(0, 2**64, 40, dtype=np.uint64)[rng.integers(0, 40, 25)] for _ in range(30)]
    shared = batches[0]
    batches += [shared, shared[:5]]
    tally = Tally(tmp_path / "tally", held)
    for batch in batches:
        tally.add(batch)
    expected = Counter(np.concatenate(batches).tolist())
    found = {int(h): int(c) for hashes, counts in tally.parts() for h, c in zip(hashes, counts, strict=True)}
    assert found == dict(expected)
    assert tally.above(2).tolist() == sorted(h for h, c in expected.items() if c > 2)


def test_most_frequent_never_takes_a_part_of_equals(tmp_path: Path) -> None:
    tally = Tally(tmp_path / "tally")
    tally.add(np.repeat(np.array([5, 6, 7, 8, 9], np.uint64), [4, 3, 3, 1, 1]))
    kept = {most: tally.most_frequent(most) for most in range(1, 6)}
    assert [None if hashes is None else hashes.tolist() for hashes in kept.values()] == [
        [5],
        [5],
        [5, 6, 7],
        [5, 6, 7],
        None,
    ]


def test_held_in() -> None:
    kept = np.array([2, 4, 2**63], np.uint64)
    assert held_in(np.array([1, 2, 5, 2**63, 2**64 - 1], np.uint64), kept).tolist() == [False, True, False, True, False]
    assert not held_in(kept, np.empty(0, np.uint64)).any()
