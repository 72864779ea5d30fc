"""How far frames of one clip are from those of another, and the soft nearest neighbor by it.

Letters: P pairs of clips, Q and N frames of theirs, E features.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

Distance = Callable[[Tensor, Tensor], Tensor]  # `[P, Q, E]` and `[P, N, E]` to `[P, Q, N]`


def squared_euclidean(first: Tensor, second: Tensor) -> Tensor:
    """`|u - v|^2`, from the inner products; never below 0."""
    norms = first.square().sum(-1).unsqueeze(2) + second.square().sum(-1).unsqueeze(1)
    return (norms - 2 * first @ second.mT).clamp(min=0)


def euclidean(first: Tensor, second: Tensor) -> Tensor:
    """`|u - v|`; its gradient at 0, where it has none, is 0 (the smallest distance is 1e-6)."""
    return squared_euclidean(first, second).clamp(min=1e-12).sqrt()


def cosine(first: Tensor, second: Tensor) -> Tensor:
    """`1 - cos(u, v)`, in [0, 2]."""
    return 1 - functional.normalize(first, dim=-1) @ functional.normalize(second, dim=-1).mT


@dataclass(frozen=True, kw_only=True)
class Similarity:
    """Minus a distance over a temperature, as the logarithm of a share.

    Attributes:
        distance: of two frames.
        temperature: by which it is divided.
        scale_by_dim: whether it is divided by E too, so that one temperature fits all widths.
    """

    distance: Distance = squared_euclidean
    temperature: float = 0.1
    scale_by_dim: bool = True

    def log_shares(self, frames: Tensor, others: Tensor, there: Tensor) -> Tensor:
        """`[P, Q, N]`: the logarithm of the share that each of N frames has in being the nearest; -inf if not there.

        Args:
            frames: `[P, Q, E]`.
            others: `[P, N, E]`.
            there: `[P, N]` bool, at least one of each pair.
        """
        scale = self.temperature * (frames.shape[-1] if self.scale_by_dim else 1)
        logits = -self.distance(frames, others) / scale
        return logits.masked_fill(~there.unsqueeze(1), -torch.inf).log_softmax(2)

    def nearest(self, frames: Tensor, others: Tensor, there: Tensor) -> Tensor:
        """`[P, Q, E]`, the soft nearest neighbor of each frame: the mean of the others by their shares."""
        return self.log_shares(frames, others, there).exp() @ others
