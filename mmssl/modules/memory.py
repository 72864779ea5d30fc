"""A memory of one unit vector a recording.

Wu et al. 2018, "Unsupervised Feature Learning via Non-Parametric Instance Discrimination", section 3.2. It is a buffer,
so a checkpoint has it, and what is written comes from all processes in their order, so each has the same.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from mmssl.distributed import gather
from mmssl.modules import draws


class MemoryBank(nn.Module):
    """Rows `[R, E]`, at the start random ones that are equal on all processes.

    Args:
        recordings: R; numbers of recordings must be below.
        dim: E.
        momentum: share of itself that a row keeps when it is written.
        stream: of `draws`, for the start.
    """

    rows: Tensor

    def __init__(self, recordings: int, dim: int, momentum: float = 0.5, stream: int = 0) -> None:
        super().__init__()
        self.momentum = momentum
        generator = torch.Generator().manual_seed(stream)
        self.register_buffer("rows", functional.normalize(torch.randn(recordings, dim, generator=generator), dim=-1))

    @torch.no_grad()
    def write(self, vectors: Tensor, index: Tensor, valid: Tensor) -> None:
        """Move rows towards new vectors; all processes do, each with its own, and all write those of all.

        A recording that is there twice is written with the mean; what is not finite is left out, as its step was.

        Args:
            vectors: `[B, E]` unit.
            index: `[B]` int64, numbers of the recordings.
            valid: `[B]` bool.
        """
        vectors, index, valid = gather(vectors.detach()), gather(index), gather(valid)
        there = valid & vectors.isfinite().all(1)
        numbers, place = torch.unique(index[there], return_inverse=True)
        total = torch.zeros_like(self.rows[numbers]).index_add_(0, place, vectors[there].to(self.rows.dtype))
        fresh = total / torch.bincount(place, minlength=len(numbers)).unsqueeze(1)
        moved = self.momentum * self.rows[numbers] + (1 - self.momentum) * fresh
        self.rows[numbers] = functional.normalize(moved, dim=-1)


def negatives(seeds: Tensor, stream: int, count: int, recordings: int, excluded: Tensor) -> Tensor:
    """`[B, count]` numbers of recordings, drawn from the clips' seeds, each as likely, but for the excluded ones.

    Args:
        seeds: `[B]`.
        stream: of `draws`.
        count: of each; one may come several times.
        recordings: R, above X.
        excluded: `[B, X]` numbers, no two of a row equal.
    """
    left = recordings - excluded.shape[1]
    drawn = (draws.uniform(seeds, stream, count).double() * left).long()
    # The d-th number that is not excluded: d, and one more for each excluded one that comes before it.
    gaps = excluded.sort(1).values - torch.arange(excluded.shape[1], device=excluded.device)
    return drawn + torch.searchsorted(gaps.contiguous(), drawn, right=True)


def agreeing(one: Tensor, other: Tensor, count: int, at_once: int = 256) -> Tensor:
    """`[R, count]` numbers of the recordings that are most alike in both memories: the smaller cosine decides.

    Morgado, Vasconcelos and Misra 2021 (AVID-CMA), equation 8; a recording is not among its own.

    Args:
        one: `[R, E]` unit rows.
        other: likewise, of the same recordings.
        count: below R.
        at_once: recordings whose scores are held.
    """
    found = []
    for rows in torch.split(torch.arange(len(one), device=one.device), at_once):
        score = torch.minimum(one[rows] @ one.T, other[rows] @ other.T)
        score[torch.arange(len(rows), device=one.device), rows] = -torch.inf
        found.append(score.topk(count).indices)
    return torch.cat(found)
