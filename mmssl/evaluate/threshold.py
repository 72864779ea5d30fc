"""Yes or no from a score: the best threshold, and the area under the ROC curve."""

import torch
from torch import Tensor


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
    weight = (torch.ones_like(negative) if weight is None else weight).double()
    ordered, order = negative.double().sort()
    mass = torch.cat([torch.zeros(1, dtype=torch.float64), weight[order].cumsum(0)])
    below, upto = (mass[torch.searchsorted(ordered, positive.double(), right=right)] for right in (False, True))
    return float(((below + upto) / 2).mean() / weight.sum())


def halves(groups: Tensor) -> Tensor:
    """`[N]` int64 0 or 1 from `[N]` groups: two halves of the groups, in turns, so that none is in both."""
    number: Tensor = torch.unique(groups, return_inverse=True)[1]
    return number % 2
