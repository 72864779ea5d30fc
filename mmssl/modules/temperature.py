"""A learned, bounded temperature."""

import math

import torch
from torch import Tensor, nn


class Temperature(nn.Module):
    """A temperature that is learned as the logarithm of its inverse.

    Radford et al. 2021 (CLIP), section 2.3 and figure 3: it starts at 0.07 and the scale never exceeds 100. It is a
    single number, so weight decay, which is for matrices, leaves it alone.

    Args:
        initial: temperature at the start, above 0.
        lowest: bound of the temperature; 0.01 is a scale of 100.
    """

    def __init__(self, initial: float = 0.07, lowest: float = 0.01) -> None:
        super().__init__()
        self.highest = -math.log(lowest)
        self.log_scale = nn.Parameter(torch.tensor(-math.log(initial)))

    def forward(self) -> Tensor:
        """What scores are multiplied by, one over the temperature."""
        return self.log_scale.clamp(max=self.highest).exp()

    @property
    def value(self) -> Tensor:
        """The temperature, detached."""
        return self.log_scale.detach().clamp(max=self.highest).neg().exp()

    @torch.no_grad()
    def bound(self) -> None:
        """After each step: beyond the bound the clamp would pass no gradient and the scale could not come back."""
        self.log_scale.clamp_(max=self.highest)
