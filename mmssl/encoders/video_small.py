"""A small residual network for a few frames of 64 to 96 pixels, quick enough to train on two processor cores.

Frames are seen one by one but for the temporal shift (Lin, Gan and Han 2019), which costs no arithmetic and tells what
moves: in the synthetic world what sounds moves and its silent look-alikes rest.
"""

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from mmssl.batch import Modality
from mmssl.encoder import Encoder
from mmssl.modules.normalize import CENTERED, PixelNorm
from mmssl.modules.resnet import Norm, ResNet2d, Stem, batch_norm
from mmssl.modules.temporal_shift import ShiftedBlock


class VideoSmall(Encoder):
    """`[B, T, 3, H, W]` to `[B, T, H / 8, W / 8, D]`.

    Args:
        channels: of each stage; the last is D.
        depths: residual blocks of each stage.
        share: one `share`-th of a block's channels looks back and one ahead.
        norm: channels to a norm layer.
    """

    modality: ClassVar[Modality] = "video"

    def __init__(
        self,
        channels: Sequence[int] = (32, 64, 96),
        depths: Sequence[int] = (1, 1, 1),
        share: int = 4,
        norm: Norm = batch_norm,
    ) -> None:
        super().__init__()
        self.dim = channels[-1]
        self.normalize = PixelNorm(*CENTERED)
        # The last stage keeps its size: 8 x 8 places for 64 pixels are the least that tell where something sounds.
        trunk = ResNet2d(3, Stem(kernel=5, stride=2, pool=False), channels, depths, (2, 2, 1), norm)
        self.stem = trunk.stem
        blocks = [block for stage in trunk.stages for block in stage]  # type: ignore[attr-defined]
        self.blocks = nn.ModuleList(ShiftedBlock(block, share) for block in blocks)

    def forward(self, inputs: Tensor) -> Tensor:
        """`[B, T, 3, H, W]` to `[B, T, H', W', D]`."""
        frames = inputs.shape[1]
        x: Tensor = self.stem(self.normalize(inputs).flatten(0, 1).contiguous(memory_format=torch.channels_last))
        for block in self.blocks:
            x = block(x, frames)
        grid = x.movedim(1, -1)
        return grid.reshape(-1, frames, *grid.shape[1:])

    def pool(self, grid: Tensor, mask: Tensor | None = None) -> Tensor:
        """The largest of each feature over the places, averaged over time, as objects are smaller than the picture.

        With the mean over places the background outweighs them.
        """
        return grid.flatten(2, -2).amax(2).mean(1)
