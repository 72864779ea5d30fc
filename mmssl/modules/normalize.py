"""Pixels as `Batch` holds them to the numbers that a network expects."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

Channels = tuple[float, float, float]

# (mean, std) of RGB in [0, 1]
CENTERED: tuple[Channels, Channels] = ((0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
IMAGENET: tuple[Channels, Channels] = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
KINETICS: tuple[Channels, Channels] = ((0.43216, 0.394666, 0.37645), (0.22803, 0.22145, 0.216989))  # torchvision's
UNIT: tuple[Channels, Channels] = ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


class PixelNorm(nn.Module):
    """`[..., 3, H, W]` uint8 in 0..255, or floating point in [0, 1], to (x - mean) / std.

    Args:
        mean: of each channel, in [0, 1].
        std: of each channel.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        # Not persistent: constants of the class, not something that was learnt.
        self.register_buffer("mean", torch.tensor(mean).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(3, 1, 1), persistent=False)

    def forward(self, video: Tensor) -> Tensor:
        """Same shape, in the floating-point type of the buffers."""
        pixels = video.to(self.mean.dtype)
        if not video.is_floating_point():
            pixels = pixels / 255
        return (pixels - self.mean) / self.std
