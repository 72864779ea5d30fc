"""Maps of features to one vector a clip, beside the mean of `Encoder.pool`."""

from torch import Tensor


def max_pool(grid: Tensor, mask: Tensor | None = None) -> Tensor:
    """`[B, *grid, D]` to `[B, D]`: the maximum over the places that hold something; 0 where a clip has none."""
    places = grid.flatten(1, -2)
    if mask is None:
        return places.amax(1)
    flat = mask.flatten(1).unsqueeze(-1)
    pooled = places.masked_fill(~flat, float("-inf")).amax(1)
    return pooled.masked_fill(~flat.any(1), 0.0)
