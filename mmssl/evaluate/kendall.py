"""Kendall's tau of nearest neighbors: whether frames that follow each other find frames that follow each other.

Kendall 1945, "The Treatment of Ties in Ranking Problems"; as a measure of alignment Dwibedi et al. 2019, section 4.1.
"""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Tau:
    """Of R rows of answers.

    Attributes:
        b: `[R]` float64 in [-1, 1], ties taken out of the denominator; NaN where all answers are one.
        a: `[R]` float64, a tie counts as 0; never NaN from two answers on.
        tied: `[R]` float64, share of the pairs of answers that are equal.
    """

    b: Tensor
    a: Tensor
    tied: Tensor


def kendall(answers: Tensor) -> Tau:
    """Tau between the order of n answers and their values, `[R, n]` of any number type; NaN where n is below 2."""
    first, second = torch.triu_indices(answers.shape[1], answers.shape[1], offset=1, device=answers.device)
    ahead = (answers[:, second] - answers[:, first]).sign().double()
    pairs, balance, ties = ahead.shape[1], ahead.sum(1), (ahead == 0).sum(1).double()
    return Tau(balance / (pairs * (pairs - ties)).sqrt(), balance / pairs, ties / pairs)


def nearest_frames(frames: Tensor, others: Tensor) -> Tensor:
    """`[n, E]` and `[m, E]` to `[n]` int64, the nearest of the others (squared Euclidean distance; first of equals)."""
    return torch.cdist(frames, others, compute_mode="donot_use_mm_for_euclid_dist").argmin(1)
