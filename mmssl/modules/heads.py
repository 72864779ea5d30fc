"""Heads: features `[..., D]` into a shared space `[..., E]`, applied at each place of a map."""

import torch
from torch import Tensor, nn


def projection(width: int, dim: int, hidden: int = 0) -> nn.Module:
    """A linear head, or with `hidden` units a perceptron of one hidden layer (Chen et al. 2020, SimCLR, section 4.2).

    Args:
        width: D.
        dim: E; 0 keeps the features as they are.
        hidden: units between; 0 is linear.
    """
    if not dim:
        return nn.Identity()
    if not hidden:
        return nn.Linear(width, dim)
    return nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, dim))


class GatedUnit(nn.Module):
    """`y * sigmoid(W y + b)` of a linear `y`, so that features switch each other (Miech et al. 2018, section 3.1).

    Args:
        width: D.
        dim: E.
    """

    def __init__(self, width: int, dim: int) -> None:
        super().__init__()
        self.linear, self.gate = nn.Linear(width, dim), nn.Linear(dim, dim)

    def forward(self, features: Tensor) -> Tensor:
        """`[..., D]` to `[..., E]`; the objective normalizes."""
        y = self.linear(features)
        gated: Tensor = y * torch.sigmoid(self.gate(y))
        return gated
