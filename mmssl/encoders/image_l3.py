"""The vision tower of L3-Net (Arandjelovic and Zisserman 2017) and, with stride 2, of AVE-Net and AVOL-Net (2018)."""

from typing import ClassVar

from torch import Tensor, nn

from mmssl.batch import Modality
from mmssl.encoder import Encoder
from mmssl.modules.normalize import CENTERED, PixelNorm
from mmssl.modules.pooling import max_pool
from mmssl.modules.resnet import Norm, batch_norm
from mmssl.modules.vgg import VggTower


class ImageL3(Encoder):
    """Each frame by itself: `[B, T, 3, H, W]` to `[B, T, H / 8, W / 8, 512]`; 224 pixels give 28 x 28.

    Args:
        width: channels of the first block; D is eight times that.
        stride: of conv1_1; 2 is AVE-Net's, 14 x 14 for 224 pixels.
        norm: channels to a norm layer.
    """

    modality: ClassVar[Modality] = "video"

    def __init__(self, width: int = 64, stride: int = 1, norm: Norm = batch_norm) -> None:
        super().__init__()
        self.dim = 8 * width
        self.normalize = PixelNorm(*CENTERED)
        self.tower = VggTower(3, width, stride, norm)

    def forward(self, inputs: Tensor) -> Tensor:
        """`[B, T, 3, H, W]` to `[B, T, H', W', D]`."""
        grid: Tensor = self.tower(self.normalize(inputs).flatten(0, 1))
        return grid.movedim(1, -1).reshape(*inputs.shape[:2], *grid.shape[2:], self.dim)

    def units(self) -> list[nn.Module]:
        """The pairs of convolutions."""
        return self.tower.pairs()

    def pool(self, grid: Tensor, mask: Tensor | None = None) -> Tensor:
        """The paper's global maximum, over all frames when there are several."""
        return max_pool(grid, mask)
