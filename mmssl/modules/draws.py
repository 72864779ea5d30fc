"""Random numbers that depend on nothing but a clip's own seed.

A generator's next number depends on all that was drawn before, so two processes of B clips would draw other numbers
than one of 2B, and a resumed run others than an unbroken one. A hash of (seed of the clip, stream) does not.
"""

import torch
from torch import Tensor

_GOLDEN = -7046029254386353131  # 0x9E3779B97F4A7C15 as signed 64 bits


def _mix(x: Tensor) -> Tensor:
    """The finalizer of splitmix64 (Steele, Lea and Flood 2014, figure 17); `>>` must not carry the sign."""
    x = (x ^ ((x >> 30) & 0x3FFFFFFFF)) * -4658895280553007687
    x = (x ^ ((x >> 27) & 0x1FFFFFFFFF)) * -7723592293110705685
    return x ^ ((x >> 31) & 0x1FFFFFFFF)


def hashed(numbers: Tensor) -> Tensor:
    """Any int64 numbers to as many that look random: different ones stay different, and 0 stays 0."""
    return _mix(numbers)


def uniform(seeds: Tensor, stream: int, count: int = 1) -> Tensor:
    """`[B]` int64 seeds to `[B, count]` float32 numbers in [0, 1); each use of randomness takes its own stream."""
    places = torch.arange(1, count + 1, device=seeds.device) + (stream << 20)
    mixed = _mix(_mix(seeds.unsqueeze(1)) + places * _GOLDEN)
    return ((mixed >> 40) & 0xFFFFFF).to(torch.float32) / (1 << 24)


def integers(seeds: Tensor, stream: int, below: Tensor | int) -> Tensor:
    """`[B]` seeds to `[B]` int64 numbers in [0, below)."""
    place = torch.full_like(seeds, stream << 20)  # a tensor, for its product wraps around where Python's would not
    bits = _mix(_mix(seeds) + place * _GOLDEN) & 0x7FFFFFFFFFFFFFFF
    return bits % below
