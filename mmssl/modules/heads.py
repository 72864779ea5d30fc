"""Heads: features `[..., D]` into a shared space `[..., E]`, applied at each place of a map."""

from torch import nn


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
