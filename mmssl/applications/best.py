"""The best rows of several queries over rows that are looked at piece by piece."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mmssl.applications.sieve import Sieve
from mmssl.applications.vectors import Vectors

_PLAIN = 16_384  # rows at a time without a sieve
_BOUNDS = 65_536  # bounds at a time with one, which then stay in the cache


@dataclass(frozen=True)
class Part:
    """One modality of one index.

    Attributes:
        vectors: of all its moments.
        sieve: over them; None while they are so few that it is quicker to read them.
    """

    vectors: Vectors
    sieve: Sieve | None = None

    @functools.cached_property
    def addresses(self) -> NDArray[np.int64]:
        """Of its rows."""
        return self.vectors.addresses()


@dataclass(frozen=True)
class Questions:
    """What a row scores: the sum, over the modalities that it has, of its product with a query and an offset.

    Attributes:
        queries: `[Q, M, E]` float32, weighted.
        offsets: `[Q, M]`.
    """

    queries: Tensor
    offsets: Tensor


class Best:
    """The k best scores of each question and their rows; of equal scores the lower rows.

    Rows must be offered in ascending order. Scores are computed in float64 from the float32 rows.

    Args:
        questions: Q of them.
        count: k.
    """

    def __init__(self, questions: Questions, count: int) -> None:
        size = len(questions.queries)
        self._questions = questions
        # Heaps with the worst in front; -1 where nothing was found yet.
        self._scores = np.full((size, count), -np.inf)
        self._rows = np.full((size, count), -1, np.int64)
        self.looked = 0

    def sorted(self) -> list[tuple[Tensor, Tensor]]:
        """Scores and rows of each question, best first; fewer than k where there were fewer."""
        found = []
        for scores, rows in zip(self._scores, self._rows, strict=True):
            order = np.lexsort((rows, -scores))[: int((rows >= 0).sum())]
            found.append((torch.from_numpy(scores[order]).float(), torch.from_numpy(rows[order])))
        return found

    def over(self, parts: Sequence[Part], start: int = 0) -> Self:
        """Look at all moments of an index.

        Args:
            parts: one for each modality of the questions.
            start: number of the index's first moment.
        """
        if all(part.sieve is not None or not part.vectors.there.any() for part in parts):
            self._sieved([part for part in parts if part.sieve is not None], parts, start)
        else:
            count = len(parts[0].vectors)
            for first in range(0, count, _PLAIN):
                last = min(first + _PLAIN, count)
                self.offer([part.vectors.between(first, last) for part in parts], torch.arange(first, last) + start)
        return self

    def offer(self, rows: Sequence[Tensor], numbers: Tensor) -> None:
        """Look at these rows, of each modality `[n, E]`, NaN where it lacks."""
        asked = self._questions
        sums = torch.zeros(len(numbers), len(asked.queries))
        here = [~part[:, :1].isnan() for part in rows]
        for modality, part in enumerate(rows):
            products = part @ asked.queries[:, modality].T + asked.offsets[:, modality]
            sums += torch.where(here[modality], products, 0)
        sums[~torch.stack(here).any(0)[:, 0]] = -torch.inf
        # What float32 may have lost, and more.
        spare = 1e-4 * (asked.queries.norm(dim=2).sum(1) + asked.offsets.abs().sum(1))
        for query in range(len(asked.queries)):
            places = self._above(sums[:, query], float(spare[query]), query)
            self.looked += len(places)
            exact = np.zeros(len(places))
            for modality, part in enumerate(rows):
                # Not as a matrix product, in which equal rows may come out unequal in the last bit.
                product = (part[places].double() * asked.queries[query, modality].double()).sum(1)
                product += asked.offsets[query, modality]
                exact += torch.where(here[modality][places, 0], product, 0).numpy()
            self._merge(query, exact, numbers[places].numpy())

    def _above(self, sums: Tensor, spare: float, query: int) -> Tensor:
        count = min(len(self._scores[query]), len(sums))
        least = max(float(sums.topk(count).values[-1]), float(self._scores[query, 0])) - spare
        return ((sums >= least) & (sums > -torch.inf)).nonzero()[:, 0]

    def _merge(self, query: int, scores: NDArray[np.float64], rows: NDArray[np.int64]) -> None:
        kept = len(self._scores[query])
        scores, rows = np.append(self._scores[query], scores), np.append(self._rows[query], rows)
        order = np.lexsort((-rows, scores))[-kept:]
        self._scores[query], self._rows[query] = scores[order], rows[order]

    def _sieved(self, sieved: Sequence[Part], parts: Sequence[Part], start: int) -> None:
        from mmssl.applications.scan import add_bounds, tried, verify

        if not sieved:
            return
        chosen = [number for number, part in enumerate(parts) if part.sieve is not None]
        queries, offsets = self._questions.queries[:, chosen], self._questions.offsets[:, chosen]
        sieves = [part.sieve for part in sieved if part.sieve is not None]
        arguments = [
            tuple(array.numpy() for array in (sieve.codes, sieve.residual))
            + tuple(array.numpy() for array in sieve.weights(queries[:, number], offsets[:, number]))
            for number, sieve in enumerate(sieves)
        ]
        # A view where it can be one: of a million rows the copy costs a tenth of the scan.
        addresses = sieved[0].addresses[None] if len(sieved) == 1 else np.stack([part.addresses for part in sieved])
        true, added = queries.double().contiguous().numpy(), offsets.double().contiguous().numpy()
        width = len(arguments[0][2])
        size = _BOUNDS // width // 4 * 4
        bounds = np.empty((size, width), np.float32)
        rows = len(sieves[0].residual)
        for first in range(0, rows, size):
            total = bounds[: min(size, rows - first)]
            for number, (codes, residual, weights, scale, base, norm) in enumerate(arguments):
                tried(add_bounds, codes, residual, first, weights, scale, base, norm, total, number > 0)
            self.looked += tried(verify, total, first, addresses, true, added, self._scores, self._rows, start)
