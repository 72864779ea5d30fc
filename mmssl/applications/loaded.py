"""Indexes as a search sees them: the vectors of all modalities, and one ranking over several of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

import torch
from torch import Tensor

from mmssl.applications.best import Best, Part, Questions
from mmssl.applications.fusion import SAMPLE, Scales, gain
from mmssl.applications.nearest import Nearest
from mmssl.batch import Modality
from mmssl.errors import UsageError

LEAST_RECALL = 0.95  # an approximate search that finds less than this of what is true is not used
# Moments that each modality gives at least, before their scores are joined: the best in both is the very best in none.
_CANDIDATES = 1_000
_TRIALS = 50


@dataclass(frozen=True)
class Loaded:
    """One index.

    Attributes:
        places: `[n, 2]`, segment and row of each moment.
        parts: of each modality, all over the n moments.
        engines: approximate searches, of the modalities that have one.
        recalls: measured, of each direction (`direction`), of the engines.
    """

    places: Tensor
    parts: Mapping[Modality, Part]
    engines: Mapping[Modality, Nearest] = field(default_factory=dict)
    recalls: Mapping[str, float] = field(default_factory=dict)

    def approximate(self, asked: Modality | None, modalities: Sequence[Modality]) -> bool:
        """Whether the engines were seen to find enough in this direction."""
        measured = 0.0 if asked is None else self.recalls.get(direction(asked, modalities), 0.0)
        return measured >= LEAST_RECALL and all(m in self.engines for m in modalities)


def direction(asked: Modality, modalities: Sequence[Modality]) -> str:
    """Its name, such as `text->video,audio`."""
    return f"{asked}->{','.join(modalities)}"


class Ranking:
    """One ranking over the moments of one or several indexes, as if they were one.

    Args:
        indexes: at least one.
        exact: look at every moment, also where an engine could be used.
    """

    def __init__(self, indexes: Sequence[Loaded], *, exact: bool = False) -> None:
        self._indexes, self._exact = indexes, exact
        self._starts = torch.tensor([0, *(len(index.places) for index in indexes)]).cumsum(0)
        self._sample = cache(self._sampled)

    def search(
        self, query: Tensor, count: int, modalities: Sequence[Modality], asked: Modality | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The best moments, best first; of equal scores the one of the earlier index, segment and row.

        Args:
            query: `[E]`.
            count: at most.
            modalities: to compare with.
            asked: the modality that the query is of.

        Returns:
            scores `[k]`, which index each is of `[k]`, and its segment and row there `[k, 2]`.

        Raises:
            UsageError: the query is not as long as the vectors.
        """
        nothing = torch.empty(0), torch.empty(0, dtype=torch.long), torch.empty(0, 2, dtype=torch.long)
        total = int(self._starts[-1])
        if not total:
            return nothing
        wanted = query.float().cpu()
        for dim in {index.parts[modalities[0]].vectors.dim for index in self._indexes if len(index.places)}:
            if len(wanted) != dim:
                raise UsageError(
                    f"the question has {len(wanted)} numbers, the vectors of the index {dim}; give its model"
                )
        scales = self._scales(wanted, modalities, asked)
        here = (~scales.mean.isnan()).nonzero()[:, 0]
        if not len(here):
            return nothing
        weights, offsets, constant = scales.linear()
        there = [modalities[number] for number in here.tolist()]
        best = Best(Questions(weights[here, None] * wanted[None, None], offsets[None, here]), min(count, total))
        for index, start in zip(self._indexes, self._starts.tolist(), strict=False):
            if not self._exact and index.approximate(asked, modalities):
                found = [index.engines[m].search(wanted, max(4 * count, _CANDIDATES)) for m in there]
                moments = torch.unique(torch.cat(found))
                best.offer([index.parts[m].vectors.take(moments) for m in there], start + moments)
            else:
                best.over([index.parts[m] for m in there], start)
        scores, numbers = best.sorted()[0]
        owners = torch.searchsorted(self._starts, numbers, right=True) - 1
        places = [
            self._indexes[owner].places[number - int(self._starts[owner])]
            for owner, number in zip(owners.tolist(), numbers.tolist(), strict=True)
        ]
        return scores + constant, owners, torch.stack(places) if places else nothing[2]

    def _sampled(self, modality: Modality) -> Tensor:
        """`[n, E]` of moments evenly over all indexes."""
        total = int(self._starts[-1])
        sample = torch.linspace(0, total - 1, min(SAMPLE, total)).long()
        owners = torch.searchsorted(self._starts, sample, right=True) - 1
        return torch.cat(
            [
                index.parts[modality].vectors.take(sample[owners == number] - self._starts[number])
                for number, index in enumerate(self._indexes)
                if len(index.places)
            ]
        )

    def _scales(self, query: Tensor, modalities: Sequence[Modality], asked: Modality | None) -> Scales:
        rows = [self._sample(modality) for modality in modalities]
        cosines = torch.stack([vectors @ query for vectors in rows])
        if asked is None or len(modalities) == 1 or self._sample(asked)[:, 0].isnan().all():
            return Scales.of(cosines)
        own = self._sample(asked)
        gains = [gain(own, vectors, same=m == asked) for m, vectors in zip(modalities, rows, strict=True)]
        return Scales.of(cosines, torch.stack(gains))


def measured_recall(index: Loaded, modalities: Sequence[Modality], asked: Modality) -> float:
    """Share of the true ten best moments that the engines find, over at most 50 of the index's own vectors as queries.

    Args:
        index: with engines of the modalities.
        modalities: that are searched.
        asked: whose vectors are the queries.
    """
    trusted = Loaded(index.places, index.parts, index.engines, {direction(asked, modalities): 1.0})
    there = index.parts[asked].vectors.there.nonzero()[:, 0]
    chosen = there[torch.linspace(0, len(there) - 1, min(_TRIALS, len(there))).long()]
    quick, true = Ranking([trusted]), Ranking([index], exact=True)
    found, wanted = 0, 0
    for query in index.parts[asked].vectors.take(chosen):
        best, truth = (
            {tuple(place) for place in ranking.search(query, 10, modalities, asked)[2].tolist()}
            for ranking in (quick, true)
        )
        found, wanted = found + len(best & truth), wanted + len(truth)
    return found / max(wanted, 1)
