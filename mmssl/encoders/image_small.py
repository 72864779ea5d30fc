"""A residual network of three stages for single frames of 64 to 96 pixels, quick enough to train on a processor."""

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from mmssl.batch import Modality
from mmssl.encoder import Encoder
from mmssl.modules.normalize import CENTERED, PixelNorm
from mmssl.modules.resnet import Norm, ResNet2d, Stem, group_norm


class ImageSmall(Encoder):
    """Each frame by itself: `[B, T, 3, H, W]` to `[B, T, H / 8, W / 8, D]` with the default strides.

    Args:
        channels: of each stage; the last is D.
        depths: residual blocks of each stage.
        strides: of each stage, after a first convolution with stride 4. The last stage keeps its size by default:
            a map of 8 x 8 places for 64 pixels is the least that tells where something sounds.
        norm: channels to a norm layer. Group norm makes a clip's features independent of the others in its batch.
    """

    modality: ClassVar[Modality] = "video"

    def __init__(
        self,
        channels: Sequence[int] = (32, 64, 96),
        depths: Sequence[int] = (1, 1, 1),
        strides: Sequence[int] = (1, 2, 1),
        norm: Norm = group_norm,
    ) -> None:
        super().__init__()
        self.dim = channels[-1]
        self.normalize = PixelNorm(*CENTERED)
        self.trunk = ResNet2d(3, Stem(kernel=4, stride=4, pool=False), channels, depths, strides, norm)

    def forward(self, inputs: Tensor) -> Tensor:
        """`[B, T, 3, H, W]` to `[B, T, H', W', D]`."""
        # Channels last is 1.1 to 1.4 times faster here on processors, and what tensor cores want.
        frames = self.normalize(inputs).flatten(0, 1).contiguous(memory_format=torch.channels_last)
        grid: Tensor = self.trunk(frames)
        return grid.movedim(1, -1).reshape(*inputs.shape[:2], *grid.shape[2:], self.dim)
