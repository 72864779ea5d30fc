"""How often each of very many things occurs, exactly, in memory that does not grow with them."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]

_PARTS = 256  # files, one for each first byte of a hash; each is counted by itself
_HELD = 1 << 22  # hashes that are held before they are written


class Tally:
    """Counts of 64-bit hashes, on the disk.

    Of n things, two share a hash with a chance of about n^2 / 2^65: one in four million for 3 million things.

    Args:
        folder: an empty one; it holds 16 bytes for each thing and `held` hashes that were added.
        held: hashes in memory.
    """

    def __init__(self, folder: Path, held: int = _HELD) -> None:
        self.folder, self._held = folder, held
        folder.mkdir(parents=True)
        self._waiting: list[Hashes] = []
        self._count = 0

    def add(self, hashes: Hashes) -> None:
        """Once more each."""
        self._waiting.append(hashes)
        self._count += len(hashes)
        if self._count >= self._held:
            self._write()

    def _write(self) -> None:
        if not self._waiting:
            return
        found, counts = np.unique(np.concatenate(self._waiting), return_counts=True)
        self._waiting, self._count = [], 0
        rows = np.stack([found, counts.astype(np.uint64)], axis=1)
        bounds = np.searchsorted(found >> np.uint64(56), np.arange(_PARTS + 1, dtype=np.uint64))
        for part in np.flatnonzero(np.diff(bounds)).tolist():
            with (self.folder / str(part)).open("ab") as file:
                file.write(rows[bounds[part] : bounds[part + 1]].tobytes())

    def parts(self) -> Iterator[tuple[Hashes, Hashes]]:
        """Sorted hashes with their counts, in pieces that are sorted as well."""
        self._write()
        for part in range(_PARTS):
            if (path := self.folder / str(part)).exists():
                rows = np.fromfile(path, np.uint64).reshape(-1, 2)
                found, place = np.unique(rows[:, 0], return_inverse=True)
                yield found, np.bincount(place, rows[:, 1]).astype(np.uint64)

    def above(self, count: int) -> Hashes:
        """Sorted hashes of what occurs more often than `count` times."""
        return _joined([found[counts > count] for found, counts in self.parts()])

    def most_frequent(self, most: int) -> Hashes | None:
        """Sorted hashes of the `most` most frequent things; None for all, where there are no more than that.

        Of equally frequent ones at the border none is taken, so that no order decides.
        """
        sizes: Counter[int] = Counter()
        for _, counts in self.parts():
            sizes.update(dict(zip(*(x.tolist() for x in np.unique(counts, return_counts=True)), strict=True)))
        if sizes.total() <= most:
            return None
        taken, least = 0, 0
        for least in sorted(sizes, reverse=True):
            if taken + sizes[least] > most:
                break
            taken += sizes[least]
        return self.above(least)


def _joined(parts: list[Hashes]) -> Hashes:
    return np.concatenate(parts) if parts else np.empty(0, np.uint64)


def held_in(hashes: Hashes, kept: Hashes) -> NDArray[np.bool_]:
    """Which of `hashes` are among the sorted `kept`."""
    place = np.minimum(np.searchsorted(kept, hashes), max(len(kept) - 1, 0))
    return kept[place] == hashes if len(kept) else np.zeros(len(hashes), np.bool_)
