"""Yes or no from a score: the best threshold, and the area under the ROC curve."""

import torch
from torch import Tensor
from torch.nn import functional


def best_threshold(positive: Tensor, negative: Tensor, weight: Tensor | None = None) -> float:
    """The threshold of the highest balanced accuracy, halfway between two scores; "yes" is at or above it.

    Args:
        positive: `[P]` scores that should be "yes".
        negative: `[N]` scores that should be "no".
        weight: `[N]`, how much each negative counts; equally when absent.
    """
    weight = torch.ones_like(negative) if weight is None else weight
    scores = torch.cat([positive, negative]).double()
    gain = torch.cat([torch.full_like(positive, -1 / len(positive)), weight / weight.sum()]).double()
    values, place = torch.unique(scores, return_inverse=True)
    # What is won by a threshold just above each value, against one below all.
    above = torch.zeros_like(values).scatter_add_(0, place, gain).cumsum(0)
    best = int(above.argmax())
    if above[best] <= 0:
        return float(values[0])
    following = values[min(best + 1, len(values) - 1)]
    return float((values[best] + following) / 2) if best + 1 < len(values) else float("inf")


def roc_area(positive: Tensor, negative: Tensor, weight: Tensor | None = None) -> float:
    """The chance that a positive scores above a negative, ties one half (Mann and Whitney 1947); arguments as above."""
    weight = torch.ones_like(negative) if weight is None else weight
    return float(roc_areas(positive, negative, torch.ones(1, len(positive)), weight.unsqueeze(0)))


def roc_areas(positive: Tensor, negative: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
    """The same under R weightings, `[R]` float64; NaN where no positive or no negative counts.

    Args:
        positive: `[P]` scores that should be "yes".
        negative: `[N]` scores that should be "no".
        positives: `[R, P]`, how much each positive counts.
        negatives: `[R, N]`, how much each negative counts.
    """
    ordered, order = negative.double().sort()
    positives, negatives = positives.double(), negatives.double()
    mass = functional.pad(negatives[:, order].cumsum(1), (1, 0))
    below, upto = (mass[:, torch.searchsorted(ordered, positive.double(), right=right)] for right in (False, True))
    return ((below + upto) / 2 * positives).sum(1) / (positives.sum(1) * negatives.sum(1))


def halves(groups: Tensor) -> Tensor:
    """`[N]` int64 0 or 1 from `[N]` groups: two halves of the groups, in turns, so that none is in both."""
    number: Tensor = torch.unique(groups, return_inverse=True)[1]
    return number % 2
