"""Vectors of one modality where they lie: in the segments of an index, mapped into memory and read when needed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True)
class Vectors:
    """Rows of float32 for n moments, some of which lack the modality.

    Attributes:
        pieces: `[*, E]` each, with rows of NaN where it lacks.
        piece: `[n]`, of which piece each moment is.
        row: `[n]`, its row there.
        there: `[n]` bool, whether the moment has the modality.
        dim: E.
    """

    pieces: Sequence[Tensor]
    piece: Tensor
    row: Tensor
    there: Tensor
    dim: int

    @classmethod
    def of(cls, rows: Tensor) -> Self:
        """Of one piece in memory."""
        count = len(rows)
        return cls(
            [rows], torch.zeros(count, dtype=torch.long), torch.arange(count), ~rows[:, 0].isnan(), rows.shape[1]
        )

    def __len__(self) -> int:
        return len(self.row)

    def take(self, moments: Tensor) -> Tensor:
        """`[k, E]` of the given moments, NaN where they lack the modality."""
        found = torch.full((len(moments), self.dim), torch.nan)
        here = self.there[moments].nonzero()[:, 0]
        pieces = self.piece[moments[here]]
        order = pieces.argsort(stable=True)
        numbers, counts = torch.unique_consecutive(pieces[order], return_counts=True)
        for number, some in zip(numbers.tolist(), torch.split(here[order], counts.tolist()), strict=True):
            found[some] = self.pieces[number][self.row[moments[some]]]
        return found

    def between(self, first: int, last: int) -> Tensor:
        """`take` of all from first to last, which costs nothing where they lie behind each other in one piece."""
        if last > first and self.piece[first] == self.piece[last - 1] and self.there[first:last].all():
            start, end = int(self.row[first]), int(self.row[last - 1]) + 1
            if end - start == last - first:
                return self.pieces[int(self.piece[first])][start:end]
        return self.take(torch.arange(first, last))

    def parts(self, size: int, first: int = 0) -> Iterator[Tensor]:
        """All from the first on, so many at a time."""
        for start in range(first, len(self), size):
            yield self.between(start, min(start + size, len(self)))

    def addresses(self) -> NDArray[np.int64]:
        """Of each row in memory, as long as the pieces live; 0 where it lacks."""
        starts = torch.tensor([piece.data_ptr() for piece in self.pieces] or [0])
        found: NDArray[np.int64] = (starts[self.piece] + self.row * (4 * self.dim)).where(self.there, 0).numpy()
        return found
