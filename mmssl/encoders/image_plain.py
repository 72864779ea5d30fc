"""Plain convolutions for single small frames, without shortcuts and large strides, so that fine detail stays."""

from collections.abc import Sequence
from itertools import pairwise
from typing import ClassVar

from torch import Tensor, nn

from mmssl.batch import Modality
from mmssl.encoder import Encoder
from mmssl.modules.normalize import CENTERED, PixelNorm
from mmssl.modules.pooling import max_pool


class ImagePlain(Encoder):
    """Each frame by itself: `[B, T, 3, H, W]` to `[B, T, H / 4, W / 4, D]`.

    Convolutions of 3 x 3 with batch norm, each of the first two followed by a maximum over 2 x 2.

    Args:
        channels: of each convolution; the last is D.
    """

    modality: ClassVar[Modality] = "video"

    def __init__(self, channels: Sequence[int] = (16, 32, 48, 48)) -> None:
        super().__init__()
        self.dim, self.normalize = channels[-1], PixelNorm(*CENTERED)
        layers: list[nn.Module] = []
        for number, (inputs, outputs) in enumerate(pairwise((3, *channels))):
            layers += [nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]
            if number < 2:
                layers.append(nn.MaxPool2d(2))
        self.layers = nn.Sequential(*layers)

    def forward(self, inputs: Tensor) -> Tensor:
        """`[B, T, 3, H, W]` to `[B, T, H / 4, W / 4, D]`."""
        grid: Tensor = self.layers(self.normalize(inputs).flatten(0, 1))
        return grid.movedim(1, -1).reshape(*inputs.shape[:2], *grid.shape[2:], self.dim)

    def units(self) -> list[nn.Module]:
        """The convolutions."""
        return [layer for layer in self.layers if isinstance(layer, nn.Conv2d)]

    def pool(self, grid: Tensor, mask: Tensor | None = None) -> Tensor:
        """The maximum over all places and frames."""
        return max_pool(grid, mask)
