"""A residual network over a spectrogram (He et al. 2016; on log-mel as in GDT, MMV and XDC)."""

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from mmssl.batch import Modality
from mmssl.encoder import Encoder
from mmssl.modules.front_ends import log_mel
from mmssl.modules.resnet import Norm, ResNet2d, Stem, batch_norm
from mmssl.modules.spectrogram import AudioFrontEnd


class AudioResNet(Encoder):
    """`[B, S]` to `[B, T', F', D]`; the default is ResNet-18, one place for 32 frames x 32 bins, D = 512.

    Args:
        front_end: sound to `[B, T', F]`; log-mel at 16 kHz when None.
        width: channels of the first stage, doubled in each later one.
        depths: residual blocks of each stage.
        strides: of each stage.
        stem: the first convolution.
        norm: channels to a norm layer.
    """

    modality: ClassVar[Modality] = "audio"

    def __init__(
        self,
        front_end: AudioFrontEnd | None = None,
        width: int = 64,
        depths: Sequence[int] = (2, 2, 2, 2),
        strides: Sequence[int] = (1, 2, 2, 2),
        stem: Stem | None = None,
        norm: Norm = batch_norm,
    ) -> None:
        super().__init__()
        self.front_end = front_end or log_mel()
        self.sample_rate = self.front_end.sample_rate
        channels = [width * 2**stage for stage in range(len(depths))]
        self.dim = channels[-1]
        self.trunk = ResNet2d(1, stem or Stem(), channels, depths, strides, norm)

    def forward(self, inputs: Tensor) -> Tensor:
        """`[B, S]` to `[B, T', F', D]`."""
        picture = self.front_end(inputs).unsqueeze(1).contiguous(memory_format=torch.channels_last)
        grid: Tensor = self.trunk(picture)
        return grid.movedim(1, -1)
