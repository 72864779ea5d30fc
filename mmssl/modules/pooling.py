"""Maps of features to one vector a clip: `[B, *grid, D]` and a mask `[B, *grid]`, or None, to `[B, D]`."""

from collections.abc import Callable

import torch
from torch import Tensor

Pooling = Callable[[Tensor, Tensor | None], Tensor]


def mean_pool(grid: Tensor, mask: Tensor | None = None) -> Tensor:
    """The mean over the places that hold something; 0 where a clip has none."""
    places = grid.flatten(1, -2)
    if mask is None:
        return places.mean(1)
    weight = mask.flatten(1).to(places.dtype).unsqueeze(-1)
    return (places * weight).sum(1) / weight.sum(1).clamp(min=1)


def first_pool(grid: Tensor, mask: Tensor | None = None) -> Tensor:
    """The first place: the [CLS] token of BERT."""
    return grid.flatten(1, -2)[:, 0]


def last_pool(grid: Tensor, mask: Tensor | None = None) -> Tensor:
    """The last place that holds something: the end-of-text token of CLIP."""
    places = grid.flatten(1, -2)
    if mask is None:
        return places[:, -1]
    flat = mask.flatten(1)
    last = (flat * torch.arange(1, flat.shape[1] + 1, device=flat.device)).argmax(1)
    return places.take_along_dim(last[:, None, None], dim=1).squeeze(1)


def max_pool(grid: Tensor, mask: Tensor | None = None) -> Tensor:
    """The maximum over the places that hold something; 0 where a clip has none."""
    places = grid.flatten(1, -2)
    if mask is None:
        return places.amax(1)
    flat = mask.flatten(1).unsqueeze(-1)
    pooled = places.masked_fill(~flat, float("-inf")).amax(1)
    return pooled.masked_fill(~flat.any(1), 0.0)
