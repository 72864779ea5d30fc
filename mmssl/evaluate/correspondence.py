"""Does this sound belong to this picture? Balanced accuracy of the yes-or-no question, with an honest threshold.

The protocol, so that numbers can be compared: a match is picture and sound of one window at the middle of a recording;
its mismatches are the same picture with the sounds of all recordings of other groups in its batch that are in its half
of the data, and together count as much as the match. The threshold on `Objective.pair_scores` is chosen on one half of
the groups and judged on the other, both ways; the mean of both is the accuracy. Chance is 0.5 in every number.
`correspondence/clips` recordings have both, and a mismatch in their batch; `coverage` is their share of those that were
looked at.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from mmssl.batch import Batch
from mmssl.data.clips import Clips
from mmssl.errors import EvaluationError, TooLittleError
from mmssl.evaluate.held_out import asked_for, look, middle, require
from mmssl.evaluate.interval import described, described_jointly
from mmssl.evaluate.ranks import named_rows
from mmssl.evaluate.threshold import best_threshold, halves, roc_areas
from mmssl.objective import Objective


@dataclass(frozen=True)
class Pairs:
    """Scores of N matches and of the mismatches of each.

    Attributes:
        match: `[N]`.
        mismatch: `[K]`.
        first: `[K]` int64, to which match each mismatch belongs (its picture).
        second: `[K]` int64, whose sound it has.
        group: `[N]` int64.
    """

    match: Tensor
    mismatch: Tensor
    first: Tensor
    second: Tensor
    group: Tensor


def mismatched(scores: Tensor, group: Tensor) -> Pairs:
    """All pairs of one batch: `[B, B]` scores, pictures in rows, and `[B]` groups."""
    first, second = (group.unsqueeze(1) != group).nonzero(as_tuple=True)
    return Pairs(scores.diagonal(), scores[first, second], first, second, group)


def joined(parts: list[Pairs]) -> Pairs:
    """The pairs of several batches, numbered through."""
    starts = torch.tensor([0, *(len(part.match) for part in parts)]).cumsum(0).tolist()
    return Pairs(
        torch.cat([part.match for part in parts]),
        torch.cat([part.mismatch for part in parts]),
        torch.cat([part.first + start for part, start in zip(parts, starts, strict=False)]),
        torch.cat([part.second + start for part, start in zip(parts, starts, strict=False)]),
        torch.cat([part.group for part in parts]),
    )


def judged(pairs: Pairs, asked: int, seed: int = 0) -> Mapping[str, float]:
    """Accuracy, AUC and two-alternative accuracy of the protocol above.

    Args:
        pairs: of all batches.
        asked: recordings that were looked at.
        seed: of the bootstrap.

    Raises:
        TooLittleError: a half has no mismatch.
    """
    half = halves(pairs.group)
    kept = half[pairs.first] == half[pairs.second]
    mismatch, first = pairs.mismatch[kept].double(), pairs.first[kept]
    count = torch.bincount(first, minlength=len(pairs.match))
    if not all((count[half == side] > 0).any() for side in (0, 1)):
        raise TooLittleError("correspondence: too few groups to draw mismatches; give at least 4, in larger batches")
    match, weight = pairs.match.double(), 1 / count[first].double()
    right, wins = torch.zeros_like(match), torch.zeros_like(match)
    thresholds = []
    for side in (0, 1):
        known, other = count.gt(0) & (half == side), count.gt(0) & (half != side)
        inside, outside = half[first] == side, half[first] != side
        threshold = best_threshold(match[known], mismatch[inside], weight[inside])
        thresholds.append(threshold)
        right[other] += (match[other] >= threshold).double() / 2
        right.index_add_(0, first[outside], (mismatch[outside] < threshold).double() * weight[outside] / 2)
    difference = match[first] - mismatch
    wins.index_add_(0, first, ((difference > 0).double() + (difference == 0).double() / 2) * weight)
    used = count > 0

    def area(drawn: Tensor) -> Tensor:
        return roc_areas(match[used], mismatch, drawn[:, used], drawn[:, first] * weight)

    return {
        **described("correspondence/accuracy", right[used], chance=0.5, seed=seed),
        **described("correspondence/two-alternative", wins[used], chance=0.5, seed=seed),
        **described_jointly("correspondence/AUC", area, len(match), chance=0.5, seed=seed),
        "correspondence/threshold": sum(thresholds) / 2,
        "correspondence/clips": float(used.sum()),
        "correspondence/coverage": float(used.sum()) / asked,
    }


class PairGatherer:
    """Scores all pairs of each batch."""

    def __init__(self, objective: Objective) -> None:
        self._objective = objective
        self._parts: list[Pairs] = []

    def add(self, batch: Batch) -> None:
        """Score it.

        Raises:
            EvaluationError: a score is not finite.
        """
        both = (batch.valid("video") & batch.valid("audio")).nonzero()[:, 0]
        if not len(both):
            return
        scores = self._objective.pair_scores(batch)[both][:, both].float().cpu()
        bad = ~scores.isfinite()
        if bad.any():
            keys = [batch.keys[row] for row in both.tolist()]
            rows = bad.all(1) | bad.all(0)  # a broken clip spoils its row or its column
            told = named_rows(rows if rows.any() else bad.any(1), keys)
            raise EvaluationError(f"correspondence: pair scores hold NaN or Inf{told}; look at the training")
        self._parts.append(mismatched(scores, batch.group[both].cpu()))

    def pairs(self) -> Pairs:
        """All that were scored.

        Raises:
            TooLittleError: there is none.
        """
        if not self._parts:
            raise TooLittleError("correspondence: no recording has both picture and sound; look at `mmssl probe`")
        return joined(self._parts)


@dataclass(frozen=True, kw_only=True)
class Correspondence:
    """Correspondence of picture and sound on held-out clips; the protocol is at the top of this file.

    Attributes:
        clips: the data, one window in the middle of each recording.
        limit: recordings at most; 0 takes all.
        batch_size: clips at once; also how many mismatches a match has.
        workers: processes that decode.
        seed: of the bootstrap.
    """

    clips: Clips
    limit: int = 0
    batch_size: int = 32
    workers: int = 0
    seed: int = 0

    @torch.no_grad()
    def __call__(self, objective: Objective) -> Mapping[str, float]:
        """Names start with `correspondence/`.

        Raises:
            UsageError: the objective or the clips lack picture or sound.
            EvaluationError: as `PairGatherer` and `judged`.
        """
        require(objective, self.clips, ("video", "audio"), "correspondence")
        opened, gatherer = middle(self.clips), PairGatherer(objective)
        look([gatherer], objective, opened, self.batch_size, limit=self.limit, workers=self.workers)
        return judged(gatherer.pairs(), asked_for(opened, self.limit), self.seed)
