"""What it costs that a frame, gone to another film and back, comes home to another frame: four forms.

Dwibedi, Aytar, Tompson, Sermanet and Zisserman 2019, "Temporal Cycle-Consistency Learning" (CVPR), section 3; constants
of the authors' code. Letters: P cycles, Q frames that each begins with, N frames of the film it comes home to.
"""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional


class CycleLoss(Protocol):
    """A cost for each cycle."""

    def __call__(self, log_shares: Tensor, start: Tensor, times: Tensor) -> Tensor:
        """`[P, Q]`.

        Args:
            log_shares: `[P, Q, N]` logarithm of beta, the share of each frame in where the cycle ends; -inf at frames
                that are not there.
            start: `[P, Q]` int64, the frame from which it began.
            times: `[P, N]` when each frame is, as a share of the film's true length.
        """
        ...


def home(log_shares: Tensor, times: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance `[P, Q]` of the time at which a cycle ends."""
    shares, times = log_shares.exp(), times.unsqueeze(1)
    mean = (shares * times).sum(2)
    return mean, (shares * (times - mean.unsqueeze(2)).square()).sum(2)


@dataclass(frozen=True)
class Regression:
    """`(i - mu)^2 / sigma^2 + lambda log sigma^2`, equation 4; 1 + lambda log sigma^2 at chance.

    Attributes:
        weight: lambda.
        least_variance: of sigma^2, in lengths of the film squared: below it the first term would explode.
    """

    weight: float = 0.001
    least_variance: float = 1e-4

    def __call__(self, log_shares: Tensor, start: Tensor, times: Tensor) -> Tensor:
        """See `CycleLoss`."""
        mean, variance = home(log_shares, times)
        log_variance = variance.clamp(min=self.least_variance).log()
        return (times.gather(1, start) - mean).square() * (-log_variance).exp() + self.weight * log_variance


@dataclass(frozen=True)
class MeanSquare:
    """`(i - mu)^2`."""

    def __call__(self, log_shares: Tensor, start: Tensor, times: Tensor) -> Tensor:
        """See `CycleLoss`."""
        return (times.gather(1, start) - home(log_shares, times)[0]).square()


@dataclass(frozen=True)
class Huber:
    """`(i - mu)^2 / 2`, and linear from a difference of `delta` on."""

    delta: float = 0.1

    def __call__(self, log_shares: Tensor, start: Tensor, times: Tensor) -> Tensor:
        """See `CycleLoss`."""
        mean = home(log_shares, times)[0]
        return functional.huber_loss(mean, times.gather(1, start), reduction="none", delta=self.delta)


@dataclass(frozen=True)
class Classification:
    """The cross-entropy of the frame from which it began, equation 2; log N at chance.

    Attributes:
        smoothing: share of the answer that is spread evenly over all frames.
    """

    smoothing: float = 0.1

    def __call__(self, log_shares: Tensor, start: Tensor, times: Tensor) -> Tensor:
        """See `CycleLoss`."""
        there = log_shares > -torch.inf
        finite = log_shares.masked_fill(~there, 0)
        own = finite.gather(2, start.unsqueeze(2)).squeeze(2)
        return -(1 - self.smoothing) * own - self.smoothing * finite.sum(2) / there.sum(2)
