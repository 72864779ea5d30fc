"""The vectors of one modality of an index in memory, and the search over several of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import torch
from torch import Tensor

from mmssl.applications.fusion import SAMPLE, Scales, gain
from mmssl.applications.nearest import Nearest

# Moments that each modality gives at least, before their scores are joined: the best in both is the very best in none.
_CANDIDATES = 1_000
_TRIALS = 50


@dataclass(frozen=True)
class Loaded:
    """One modality.

    Attributes:
        nearest: over the moments that have it.
        rows: `[p]`, their places among all moments, ascending.
        places: `[n, 2]`, segment and row of all moments.
    """

    nearest: Nearest
    rows: Tensor
    places: Tensor

    @classmethod
    def over(cls, vectors: Tensor, places: Tensor, engine: Path) -> Self:
        """From vectors `[n, E]` with NaN where a moment lacks it; `engine` is where a faiss index is kept."""
        rows = (~vectors[:, 0].isnan()).nonzero()[:, 0]
        present = vectors if len(rows) == len(vectors) else vectors[rows]
        return cls(Nearest.over(present, places[rows], engine), rows, places)

    def cosines(self, query: Tensor, moments: Tensor) -> Tensor:
        """Of `query` `[E]` with the given moments, `[n]`; NaN where they lack the modality."""
        if len(moments) < len(self.places):
            return self.rows_of(moments) @ query
        found = torch.full((len(self.places),), torch.nan)
        found[self.rows] = self.nearest.scores(query).float()
        return found

    def rows_of(self, moments: Tensor) -> Tensor:
        """Vectors of the given moments, `[n, E]`; NaN where they lack the modality."""
        vectors = self.nearest.vectors
        if not len(self.rows):
            return torch.full((len(moments), vectors.shape[1]), torch.nan)
        place = torch.searchsorted(self.rows, moments).clamp(max=len(self.rows) - 1)
        here = (self.rows[place] == moments).unsqueeze(1)
        return torch.where(here, vectors[place], torch.nan)

    @staticmethod
    def search(
        parts: Sequence["Loaded"], query: Tensor, count: int, asked: "Loaded | None" = None, *, exact: bool = False
    ) -> tuple[Tensor, Tensor]:
        """The `count` best scores over the modalities of one index, best first, and (segment, row) `[count, 2]`.

        Args:
            parts: the modalities.
            query: `[E]`.
            count: at most.
            asked: the modality that the query is of.
            exact: look at every moment, whatever their number.
        """
        places = parts[0].places
        if not len(places):
            return torch.empty(0), places
        sample = torch.linspace(0, len(places) - 1, min(SAMPLE, len(places))).long()
        wanted = query.float().cpu()
        if exact or all(part.nearest.engine is None for part in parts):
            moments = torch.arange(len(places))
        else:
            wide = max(4 * count, _CANDIDATES)
            found = [part.rows[part.nearest.search(wanted, wide)[1]] for part in parts]
            moments = torch.unique(torch.cat(found))
        cosines = torch.stack([part.cosines(wanted, moments) for part in parts])
        scores = _scales(parts, wanted, sample, asked).fused(cosines)
        there = ~scores.isnan()
        best = scores[there].topk(min(count, int(there.sum())))
        return best.values, places[moments[there][best.indices]]


def _scales(parts: Sequence[Loaded], query: Tensor, sample: Tensor, asked: Loaded | None) -> Scales:
    rows = [part.rows_of(sample) for part in parts]
    cosines = torch.stack([vectors @ query for vectors in rows])
    if asked is None or not len(asked.rows) or len(parts) == 1:
        return Scales.of(cosines)
    pairs = zip(parts, rows, strict=True)
    own = asked.rows_of(sample)
    return Scales.of(cosines, torch.stack([gain(own, vectors, same=part is asked) for part, vectors in pairs]))


def measured_recall(parts: Sequence[Loaded], asked: Loaded) -> float:
    """Share of the true ten best moments that a search finds, over at most 50 of the index's own vectors as queries."""
    queries = asked.nearest.vectors
    chosen = queries[torch.linspace(0, len(queries) - 1, min(_TRIALS, len(queries))).long()]
    found, wanted = 0, 0
    for query in chosen:
        best, truth = (
            {tuple(place) for place in Loaded.search(parts, query, 10, asked, exact=exact)[1].tolist()}
            for exact in (False, True)
        )
        found, wanted = found + len(best & truth), wanted + len(truth)
    return found / max(wanted, 1)
