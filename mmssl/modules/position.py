"""Where a token stands, as a vector added to it."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


def sine(places: int, dim: int) -> Tensor:
    """`[places, dim]`: sines and cosines of wavelengths from 2 pi to 20 000 pi (Vaswani et al. 2017, section 3.5)."""
    pairs = (dim + 1) // 2
    rates = torch.exp(torch.arange(pairs) * (-torch.log(torch.tensor(10_000.0)) / max(pairs, 1)))
    angles = torch.arange(places).unsqueeze(1) * rates
    return torch.cat((angles.sin(), angles.cos()), dim=1)[:, :dim]


class SinePositions(nn.Module):
    """Fixed, for a grid of any size: each axis takes its share of the features.

    Args:
        axes: of the grid.
        dim: D, at least two features an axis.
    """

    def __init__(self, axes: int, dim: int) -> None:
        super().__init__()
        share = dim // axes // 2 * 2
        self.shares = (dim - share * (axes - 1), *[share] * (axes - 1))

    def forward(self, grid: Sequence[int]) -> Tensor:
        """`[*grid, D]`, on the processor."""
        parts = []
        for axis, (places, share) in enumerate(zip(grid, self.shares, strict=True)):
            shape = [1] * len(grid) + [share]
            shape[axis] = places
            parts.append(sine(places, share).view(shape).expand(*grid, share))
        return torch.cat(parts, dim=-1)


class LearnedPositions(nn.Module):
    """A parameter for each place; grids up to the given one take its beginning.

    Args:
        grid: the largest grid.
        dim: D.
    """

    def __init__(self, grid: Sequence[int], dim: int) -> None:
        super().__init__()
        self.positions = nn.Parameter(torch.randn(*grid, dim) * 0.02)

    def forward(self, grid: Sequence[int]) -> Tensor:
        """`[*grid, D]`; raises ValueError when the grid is larger than the one it was made for."""
        if len(grid) != self.positions.ndim - 1 or any(
            n > m for n, m in zip(grid, self.positions.shape[:-1], strict=True)
        ):
            raise ValueError(f"a grid of {tuple(grid)} places is larger than the {tuple(self.positions.shape[:-1])}.")
        return self.positions[tuple(slice(n) for n in grid)]
