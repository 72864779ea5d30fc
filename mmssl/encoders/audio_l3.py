"""The sound tower of L3-Net (Arandjelovic and Zisserman 2017) and, with stride 2, of AVE-Net and AVOL-Net (2018)."""

from typing import ClassVar

from torch import Tensor, nn

from mmssl.batch import Modality
from mmssl.encoder import Encoder
from mmssl.modules.front_ends import l3
from mmssl.modules.pooling import max_pool
from mmssl.modules.resnet import Norm, batch_norm
from mmssl.modules.spectrogram import AudioFrontEnd
from mmssl.modules.vgg import VggTower


class AudioL3(Encoder):
    """`[B, S]` to `[B, T', F', 512]`: 1 s at 48 kHz gives 24 x 32 places (L3-Net), 12 x 16 with stride 2 (AVE-Net).

    Args:
        front_end: sound to `[B, T', F]`; L3-Net's when None. AVE-Net's is `front_ends.ave()`.
        width: channels of the first block; D is eight times that.
        stride: of conv1_1; 2 is AVE-Net's.
        norm: channels to a norm layer.
    """

    modality: ClassVar[Modality] = "audio"

    def __init__(
        self, front_end: AudioFrontEnd | None = None, width: int = 64, stride: int = 1, norm: Norm = batch_norm
    ) -> None:
        super().__init__()
        self.front_end = front_end or l3()
        self.sample_rate = self.front_end.sample_rate
        self.dim = 8 * width
        self.tower = VggTower(1, width, stride, norm)

    def forward(self, inputs: Tensor) -> Tensor:
        """`[B, S]` to `[B, T', F', D]`."""
        grid: Tensor = self.tower(self.front_end(inputs).unsqueeze(1))
        return grid.movedim(1, -1)

    def units(self) -> list[nn.Module]:
        """The pairs of convolutions."""
        return self.tower.pairs()

    def pool(self, grid: Tensor, mask: Tensor | None = None) -> Tensor:
        """The paper's global maximum."""
        return max_pool(grid, mask)
