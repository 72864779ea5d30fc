"""Regularizers of the products of all places with all moments: Hamilton et al. 2024 (DenseAV), section 3.3.

A volume is `[B, T, P, K, T']`: T frames of P places, K heads, T' moments of sound.
"""

import math
from dataclasses import dataclass
from itertools import combinations

import torch
from torch import Tensor


def below_zero(volume: Tensor) -> Tensor:
    """`[B, ...]` to `[B]`: the mean of min(s, 0)^2, for a place that does not sound is no evidence against one."""
    return volume.clamp(max=0).square().flatten(1).mean(1)


def roughness(volume: Tensor) -> Tensor:
    """`[B, ..., T']` to `[B]`: the mean squared change from moment to moment; 0 of a single one."""
    if volume.shape[-1] < 2:
        return volume.new_zeros(len(volume))
    return volume.diff(dim=-1).square().flatten(1).mean(1)


def overlap(volume: Tensor) -> Tensor:
    """`[B, T, P, K, T']` to `[B]`: the mean of |s_i||s_j| over pairs of heads, so that each has its own concern."""
    pairs = list(combinations(volume.abs().unbind(3), 2))
    if not pairs:
        return volume.new_zeros(len(volume))
    return torch.stack([(one * other).flatten(1).mean(1) for one, other in pairs]).mean(0)


def softened(scale: Tensor, initial: float) -> Tensor:
    """A scalar: max(log initial - log scale, 0)^2, lest the scale fall and every sound match everywhere a little."""
    return (math.log(initial) - scale.log()).clamp(min=0).square()


@dataclass(frozen=True)
class Weights:
    """Of the regularizers; the paper's."""

    below_zero: float = 0.01
    roughness: float = 0.01
    overlap: float = 0.05
    softened: float = 0.1
    silence: float = 0.01
