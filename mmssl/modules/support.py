"""Support sets: from whose videos a caption is to be told (Patrick et al. 2021, section 3.2).

Each gives one set of weights `[B, N]` for every captioning loss that it wants, of which the mean is taken. A row sums
to 1, or to 0 where it has no video to look at.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from mmssl.errors import UsageError


class Support(Protocol):
    """How much each of N videos counts for each of B captions."""

    def __call__(self, scores: Tensor, own: Tensor, related: Tensor, there: Tensor) -> tuple[Tensor, ...]:
        """Weights `[B, N]`, none or several.

        Args:
            scores: `[B, N]` of captions and videos, over the temperature.
            own: `[B, N]` bool, the caption's clip.
            related: `[B, N]` bool, clips of its recording, its own among them.
            there: `[N]` bool, which have a video.
        """
        ...


def shares(scores: Tensor, keep: Tensor) -> Tensor:
    """A softmax over those to keep; zeros where there are none."""
    # Masked before the softmax: what is left out takes no share.
    weights = scores.masked_fill(~keep, torch.finfo(scores.dtype).min).softmax(1)
    return weights.masked_fill(~keep, 0)


@dataclass(frozen=True)
class NoSupport:
    """No captioning: contrast alone."""

    def __call__(self, scores: Tensor, own: Tensor, related: Tensor, there: Tensor) -> tuple[Tensor, ...]:
        """See `Support`."""
        return ()


@dataclass(frozen=True)
class Identity:
    """The caption's own video: ordinary captioning, without a bottleneck."""

    def __call__(self, scores: Tensor, own: Tensor, related: Tensor, there: Tensor) -> tuple[Tensor, ...]:
        """See `Support`."""
        return ((own & there).to(scores.dtype),)


@dataclass(frozen=True)
class Full:
    """All videos, the caption's own among them."""

    def __call__(self, scores: Tensor, own: Tensor, related: Tensor, there: Tensor) -> tuple[Tensor, ...]:
        """See `Support`."""
        return (shares(scores, there.expand_as(scores)),)


@dataclass(frozen=True)
class Cross:
    """All videos but those of the caption's own recording, so that what they share must be told from the others."""

    def __call__(self, scores: Tensor, own: Tensor, related: Tensor, there: Tensor) -> tuple[Tensor, ...]:
        """See `Support`."""
        return (shares(scores, there & ~related),)


@dataclass(frozen=True)
class Hybrid:
    """The mean of the losses of `Full` and `Identity`."""

    def __call__(self, scores: Tensor, own: Tensor, related: Tensor, there: Tensor) -> tuple[Tensor, ...]:
        """See `Support`."""
        return (*Full()(scores, own, related, there), *Identity()(scores, own, related, there))


NAMED: Mapping[str, Support] = {
    "none": NoSupport(),
    "identity": Identity(),
    "full": Full(),
    "cross": Cross(),
    "hybrid": Hybrid(),
}


def named(name: str) -> Support:
    """One of `NAMED`, as the paper calls them.

    Raises:
        UsageError: there is none of that name.
    """
    if name not in NAMED:
        raise UsageError(f"support {name!r} is unknown; choose one of {', '.join(NAMED)}")
    return NAMED[name]
