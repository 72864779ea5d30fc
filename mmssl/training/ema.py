"""Averaged weights."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from mmssl.training.optimizer import trained
from mmssl.training.sharding import like


class Ema:
    """The exponential moving average of what is trained (Polyak and Juditsky 1992); buffers stay the live ones.

    Args:
        objective: whose weights are followed; they are where it starts.
        decay: 0 keeps no average, and everything below does nothing.
    """

    def __init__(self, objective: nn.Module, decay: float) -> None:
        self.decay = decay
        self.live = trained(objective) if decay else {}
        self.averages = {name: weight.detach().clone() for name, weight in self.live.items()}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """After step `step`, from 0; at first it averages over fewer, as TensorFlow's `num_updates` does."""
        decay = min(self.decay, (1 + step) / (10 + step))
        for name, weight in self.live.items():
            self.averages[name].lerp_(weight, 1 - decay)

    @torch.no_grad()
    def restart(self, name: str) -> None:
        """Average one parameter from what it is now."""
        if name in self.averages:
            self.averages[name].copy_(self.live[name])

    @torch.no_grad()
    def load(self, averages: dict[str, Tensor]) -> None:
        """Take over saved averages, of the same names and shapes."""
        for name, average in self.averages.items():
            average.copy_(like(averages[name], average))

    @contextmanager
    def weights(self) -> Iterator[None]:
        """Within this block the objective has the averages."""
        kept = {name: weight.detach().clone() for name, weight in self.live.items()}
        self._put(self.averages)
        try:
            yield
        finally:
            self._put(kept)

    @torch.no_grad()
    def _put(self, weights: dict[str, Tensor]) -> None:
        for name, weight in self.live.items():
            weight.copy_(weights[name])
