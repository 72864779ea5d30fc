"""nDCG for graded relevance, with the ideal over the whole gallery.

Järvelin and Kekäläinen 2002 (linear gain), Burges et al. 2005 (exponential gain); equal scores share their gains
(McSherry and Najork 2008), so that the order of the files cannot help a collapsed model.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from mmssl.errors import EvaluationError

Gain = Callable[[Tensor], Tensor]


def linear_gain(relevance: Tensor) -> Tensor:
    """The relevance itself."""
    return relevance


def exponential_gain(relevance: Tensor) -> Tensor:
    """`2^relevance - 1`, which pays for the best items above all."""
    return torch.exp2(relevance) - 1


def _shared(ordered: Tensor, gains: Tensor) -> Tensor:
    """`[Q, G]` gains in the order of falling scores; each is replaced by the mean over those of an equal score."""
    fresh = torch.ones_like(ordered, dtype=torch.int64)
    fresh[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    block = fresh.cumsum(1) - 1
    total = torch.zeros_like(gains).scatter_add_(1, block, gains)
    count = torch.zeros_like(gains).scatter_add_(1, block, torch.ones_like(gains))
    return (total / count.clamp(min=1)).gather(1, block)


def ndcg(scores: Tensor, relevance: Tensor, k: int, gain: Gain = linear_gain) -> Tensor:
    """Normalized discounted cumulative gain at k, `[Q]` float64 in [0, 1]; NaN where nothing is relevant.

    Args:
        scores: `[Q, G]`, of all the gallery, not of the returned items alone: sorting the returned list as its own
            ideal turns 0.69 into 0.95.
        relevance: `[Q, G]`, at least 0.
        k: places that count.
        gain: what a relevance is worth.

    Raises:
        EvaluationError: a score is not finite.
    """
    if not scores.isfinite().all():
        raise EvaluationError("scores hold NaN or Inf, which have no rank; mend the training")
    k = min(k, scores.shape[1])
    discount = 1 / torch.arange(2, k + 2, dtype=torch.float64, device=scores.device).log2()
    gains = gain(relevance.double())
    ordered, order = scores.sort(dim=1, descending=True)
    found = (_shared(ordered, gains.gather(1, order))[:, :k] * discount).sum(1)
    ideal = (gains.topk(k, dim=1).values * discount).sum(1)
    return torch.where(ideal > 0, found / ideal, torch.nan)
