"""MIL-NCE: a clip goes with its bag of captions if one of them fits, none in particular.

Miech, Alayrac, Smaira, Laptev, Sivic and Zisserman 2020, "End-to-End Learning of Visual Representations from Uncurated
Instructional Videos" (CVPR), equation 1: the negatives of a clip are all other captions for this clip and all other
clips for its captions. Scores are plain inner products, without temperature.
"""

import math

import torch
from torch import Tensor

from mmssl.distributed import mean
from mmssl.modules.contrast import Contrast


def mil_nce(pairs: Contrast) -> Tensor:
    """`-log(sum over own of exp s / (sum over own + sum over negatives of exp s))`, the mean over clips.

    Clips without a caption are in no mean. A scalar whose mean over processes is the loss of all clips; with N equal
    scores of one caption each, log(2N - 1).
    """
    own, row, column, there = _bags(pairs)
    # The row's sum and the columns' both have the true pairs in them, so once is once too often.
    highest = torch.maximum(row, column).detach()
    both = (row - highest).exp() + (column - highest).exp() - (own - highest).exp()
    return mean(both.log() + highest - own, there)


def mil_nce_as_released(pairs: Contrast) -> Tensor:
    """As `mil_nce`, with the true pairs twice in the denominator, once as row and once as columns.

    This is what the authors' public code computes by joining rows and columns; with N equal scores, log 2N.
    """
    own, row, column, there = _bags(pairs)
    return mean(torch.logaddexp(row, column) - own, there)


def _bags(pairs: Contrast) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Log-sum-exps `[B]` of a clip's true pairs, row and captions' columns, 0 if it has none; `[B]` bool, if any."""
    true = pairs.own != -math.inf
    there = true.any(1)
    bags = [
        values.masked_fill(~true, torch.finfo(values.dtype).min).logsumexp(1) for values in (pairs.own, pairs.columns)
    ]
    own, row, column = (bag.masked_fill(~there, 0) for bag in (bags[0], pairs.rows, bags[1]))
    return own, row, column, there
