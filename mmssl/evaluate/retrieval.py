"""Retrieval between modalities: for each recording's sound, where do its pictures stand among all pictures?

Names of the numbers: `retrieval/QUERY-GALLERY/METRIC`, such as `retrieval/audio-video/R@10`; with `/low` and `/high`
the bootstrap 95 % interval over queries, with `/chance` what equal scores for everything would give. Beside them stand
`gallery` (recordings that have both modalities: as many queries as items), `coverage` (their share of the recordings
that were looked at; the others are on neither side) and `tied` (the share of queries that score a wrong item exactly as
high as their best right one). Where captions are in several languages, `text.de` is one of them, `text.average` the
mean over all and `text.average_but_en` that over all but English.

`text` is one caption a recording, as the loader chooses it; where recordings have several of one language, `captions`
is all of them (`every_caption`), as papers report of test sets with several captions a film.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import permutations

import torch
from torch import Tensor
from torch.nn import functional

from mmssl.data.clips import Clips
from mmssl.errors import TooLittleError, UsageError
from mmssl.evaluate.every_caption import by_every_caption
from mmssl.evaluate.gains import Gain, linear_gain, ndcg
from mmssl.evaluate.held_out import middle
from mmssl.evaluate.interval import described, mean, median
from mmssl.evaluate.languages import Answered, averages
from mmssl.evaluate.ranks import ExpectedTies, Relevant, Ties, check_embeddings, place_embeddings, same
from mmssl.evaluate.vectors import HeldOut, embed_held_out
from mmssl.objective import Objective

Graded = Callable[[str, str], float]  # how relevant an item of the second label is to a query of the first, at least 0


def same_label(query: str, item: str) -> float:
    """1 for the same label; replace it by a distance in an ontology for partial credit."""
    return float(query == item != "")


def numbered(words: tuple[str, ...]) -> Tensor:
    """`[N]` int64, equal for equal words."""
    numbers: dict[str, int] = {}
    return torch.tensor([numbers.setdefault(word, len(numbers)) for word in words])


def answers(held: HeldOut, query: str, item: str, rows: Tensor) -> Relevant:
    """The right answers among `[R]` rows of two modalities: the same recording, and one that has the same words.

    A caption is a right answer to every recording that has it among its captions, and the other way round.
    """
    chosen = rows.tolist()
    numbers = torch.arange(len(chosen))
    words = held.vectors[query].captions or held.vectors[item].captions
    if not words:
        return same(numbers, numbers)
    owners: dict[str, list[int]] = {}
    for place, row in enumerate(chosen):
        for caption in held.captions[row]:
            owners.setdefault(caption, []).append(place)
    asked = bool(held.vectors[query].captions)
    sayers: dict[str, list[int]] = {}
    for place, row in enumerate(chosen):
        sayers.setdefault(words[row], []).append(place)

    def relevant(span: slice) -> Tensor:
        mask = torch.zeros(len(chosen[span]), len(chosen), dtype=torch.bool)
        for line, row in enumerate(chosen[span]):
            mask[line, line + (span.start or 0)] = True
            for caption in [words[row]] if asked else held.captions[row]:
                mask[line, (owners if asked else sayers).get(caption, [])] = True
        return mask

    return relevant


@dataclass(frozen=True, kw_only=True)
class Retrieval:
    """Retrieval in every ordered pair of modalities, on one window in the middle of each recording.

    A recording that lacks a modality is neither query nor item of a pair with it. Recordings that have the query's
    caption word for word are right answers; equal scores count as `ties` says, the mean over their orders by default.

    Attributes:
        clips: the data.
        limit: recordings at most, in their order; 0 takes all. The gallery's size is among the numbers.
        languages: of captions, each then also a modality like `text.de`; None finds them, () takes none.
        batch_size: clips at once.
        workers: processes that decode.
        recalls: k of R@k.
        ndcg_at: k of nDCG, where recordings have labels.
        graded: relevance of labels, for nDCG.
        gain: of nDCG.
        ties: what equal scores are worth.
    """

    clips: Clips
    limit: int = 0
    languages: tuple[str, ...] | None = None
    batch_size: int = 32
    workers: int = 0
    recalls: tuple[int, ...] = (1, 5, 10)
    ndcg_at: int = 30
    graded: Graded = same_label
    gain: Gain = linear_gain
    ties: Ties = field(default_factory=ExpectedTies)

    @torch.no_grad()
    def __call__(self, objective: Objective) -> Mapping[str, float]:
        """R@k, MedR, MeanR, nDCG, gallery size and coverage of each pair.

        Raises:
            UsageError: the objective's modalities are not comparable, or fewer than two are there.
            EvaluationError: embeddings are NaN, infinite or zero, or nothing could be read.
        """
        name = type(objective).__name__
        if not objective.comparable:
            raise UsageError(f"{name} does not put its modalities into one space, so it cannot retrieve between them")
        if len([m for m in self.clips.modalities if m in objective.encoders]) < 2:
            raise UsageError(f"retrieval needs two modalities that both {name} and the clips to evaluate have")
        held = embed_held_out(
            objective,
            middle(self.clips),
            batch_size=self.batch_size,
            limit=self.limit,
            workers=self.workers,
            languages=self.languages,
        )
        return self.judged(held)

    def judged(self, held: HeldOut) -> Mapping[str, float]:
        """The numbers of embeddings that are there already; a pair that no recording has is a gallery of 0.

        Raises:
            EvaluationError: embeddings are NaN, infinite or zero, or no recording has two modalities.
        """
        for name, vectors in held.vectors.items():
            chosen = vectors.valid.nonzero()[:, 0]
            keys = [held.keys[row] for row in chosen.tolist()]
            check_embeddings(vectors.embeddings[chosen], f"retrieval: {name}", keys)
        looked_at = {"recordings": float(held.asked), "left-out": float(held.asked - len(held.index))}
        numbers = {f"retrieval/{name}": value for name, value in looked_at.items()}
        found: dict[tuple[str, str], Answered] = {}
        for query, item in permutations(held.vectors, 2):
            if not (query.startswith("text") and item.startswith("text")):
                answered = self._answered(held, query, item)
                numbers |= self._pair(held, query, item, answered)
                found |= {} if answered is None else {(query, item): answered}
        if held.said is not None:
            check_embeddings(held.said.embeddings, "retrieval: captions")
            for item, vectors in held.vectors.items():
                if not item.startswith("text"):
                    there = vectors.embeddings, vectors.valid
                    numbers |= by_every_caption(held.said, item, *there, self.recalls, self.ties, held.asked)
        numbers |= averages(found, self.recalls, self.ties, len(held.index), held.asked)
        if not any(value for name, value in numbers.items() if name.endswith("/gallery")):
            raise TooLittleError("retrieval: no recording has two of the modalities; look at `mmssl probe`")
        return numbers

    @staticmethod
    def _answered(held: HeldOut, query: str, item: str) -> Answered | None:
        """Of the recordings that have both; None if there are none."""
        asked, found = held.vectors[query], held.vectors[item]
        rows = (asked.valid & found.valid).nonzero()[:, 0]
        if not len(rows):
            return None
        relevant = answers(held, query, item, rows)
        return Answered(rows, place_embeddings(asked.embeddings[rows], found.embeddings[rows], relevant))

    def _pair(self, held: HeldOut, query: str, item: str, answered: Answered | None) -> Mapping[str, float]:
        prefix = f"retrieval/{query}-{item}"
        if answered is None:
            return {f"{prefix}/gallery": 0.0, f"{prefix}/coverage": 0.0}
        rows, places = answered.rows, answered.places
        chance, numbers = places.chance(), dict[str, float]()
        for k in self.recalls:
            expected = float(self.ties.hit(chance, k).mean())
            numbers |= described(f"{prefix}/R@{k}", self.ties.hit(places, k), chance=expected)
        expected_ranks = ExpectedTies().rank(chance)
        for name, statistic in (("MedR", median), ("MeanR", mean)):
            expected = float(statistic(expected_ranks))
            numbers |= described(f"{prefix}/{name}", self.ties.rank(places), statistic, chance=expected)
        labels = tuple(held.labels[row] for row in rows.tolist())
        if any(labels):
            questions, gallery = held.vectors[query].embeddings[rows], held.vectors[item].embeddings[rows]
            numbers |= self._graded(f"{prefix}/nDCG@{self.ndcg_at}", questions, gallery, labels)
        return numbers | {
            f"{prefix}/gallery": float(len(rows)),
            f"{prefix}/coverage": len(rows) / held.asked,
            f"{prefix}/tied": float((places.tied_wrong > 0).double().mean()),
        }

    def _graded(self, name: str, questions: Tensor, gallery: Tensor, labels: tuple[str, ...]) -> Mapping[str, float]:
        """NDCG with relevance between labels; queries to which nothing is relevant are left out."""
        number = numbered(labels)
        distinct = list(dict.fromkeys(labels))
        table = torch.tensor([[self.graded(a, b) for b in distinct] for a in distinct], dtype=torch.float64)
        unit, items = (functional.normalize(x.double(), dim=-1) for x in (questions, gallery))
        found, chance = [], []
        for start in range(0, len(unit), 1024):
            relevance = table[number[start : start + 1024]][:, number]
            scores = unit[start : start + 1024] @ items.T
            found.append(ndcg(scores, relevance, self.ndcg_at, self.gain))
            chance.append(ndcg(torch.zeros_like(scores), relevance, self.ndcg_at, self.gain))
        values = torch.cat(found)
        known = ~values.isnan()
        if not known.any():
            return {}
        return described(name, values[known], chance=float(torch.cat(chance)[known].mean()))
