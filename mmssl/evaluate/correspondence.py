"""Does this sound belong to this picture? Balanced accuracy of the yes-or-no question, with an honest threshold.

The protocol, so that numbers can be compared: a match is picture and sound of one window at the middle of a recording;
its mismatches are the same picture with the sounds of all recordings of other groups in its batch that are in its half
of the data, and together count as much as the match. The threshold on `Objective.pair_scores` is chosen on one half of
the groups and judged on the other, both ways; the mean of both is the accuracy. Chance is 0.5 in every number.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from mmssl.data.clips import Clips
from mmssl.errors import EvaluationError
from mmssl.evaluate.held_out import held_out, middle, require
from mmssl.evaluate.interval import described
from mmssl.evaluate.threshold import best_threshold, halves, roc_area
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


def judged(pairs: Pairs, seed: int = 0) -> Mapping[str, float]:
    """Accuracy, AUC and two-alternative accuracy of the protocol above.

    Raises:
        EvaluationError: a score is not finite, or a half has no mismatch.
    """
    if not (pairs.match.isfinite().all() and pairs.mismatch.isfinite().all()):
        raise EvaluationError("correspondence: pair scores hold NaN or Inf; mend the training")
    half = halves(pairs.group)
    kept = half[pairs.first] == half[pairs.second]
    mismatch, first = pairs.mismatch[kept].double(), pairs.first[kept]
    count = torch.bincount(first, minlength=len(pairs.match))
    if not all((count[half == side] > 0).any() for side in (0, 1)):
        raise EvaluationError("correspondence: too few groups to draw mismatches; give at least 4, in larger batches")
    match, weight = pairs.match.double(), 1 / count[first].double()
    right, wins = torch.zeros_like(match), torch.zeros_like(match)
    thresholds = []
    for side in (0, 1):
        known, asked = count.gt(0) & (half == side), count.gt(0) & (half != side)
        inside, other = half[first] == side, half[first] != side
        threshold = best_threshold(match[known], mismatch[inside], weight[inside])
        thresholds.append(threshold)
        right[asked] += (match[asked] >= threshold).double() / 2
        right.index_add_(0, first[other], (mismatch[other] < threshold).double() * weight[other] / 2)
    difference = match[first] - mismatch
    wins.index_add_(0, first, ((difference > 0).double() + (difference == 0).double() / 2) * weight)
    used = count > 0
    return {
        **described("correspondence/accuracy", right[used], chance=0.5, seed=seed),
        **described("correspondence/two-alternative", wins[used], chance=0.5, seed=seed),
        "correspondence/AUC": roc_area(match[used], mismatch, weight),
        "correspondence/AUC/chance": 0.5,
        "correspondence/threshold": sum(thresholds) / 2,
        "correspondence/clips": float(used.sum()),
    }


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
            EvaluationError: as `judged`.
        """
        require(objective, self.clips, ("video", "audio"), "correspondence")
        parts = []
        opened = middle(self.clips)
        for batch in held_out(objective, opened, self.batch_size, limit=self.limit, workers=self.workers):
            both = (batch.valid("video") & batch.valid("audio")).nonzero()[:, 0]
            scores = objective.pair_scores(batch)[both][:, both]
            parts.append(mismatched(scores.float().cpu(), batch.group[both].cpu()))
        if not parts:
            raise EvaluationError("correspondence: no recording has both picture and sound; look at `mmssl probe`")
        return judged(joined(parts), self.seed)
