"""The two towers of Multisensory before they meet (Owens and Efros 2018, section 3.1 and figure 2)."""

from typing import ClassVar

from torch import Tensor, nn
from torch.nn import functional

from mmssl.batch import Modality
from mmssl.encoder import Encoder
from mmssl.modules.front_ends_phase import multisensory
from mmssl.modules.fused_tower import ResidualBlock3d, batch_norm_3d
from mmssl.modules.normalize import CENTERED, PixelNorm
from mmssl.modules.resnet import Norm


class MultisensoryVideo(Encoder):
    """`[B, T, 3, H, W]` to `[B, T / 4, H / 8, W / 8, 64]`: 125 frames of 224 pixels give 32 x 28 x 28.

    Args:
        width: D; 64 is the paper's.
        norm: channels to a norm layer, over `[B, C, T, h, w]`.
    """

    modality: ClassVar[Modality] = "video"

    def __init__(self, width: int = 64, norm: Norm = batch_norm_3d) -> None:
        super().__init__()
        self.dim = width
        self.normalize = PixelNorm(*CENTERED)
        self.stem = nn.Sequential(
            nn.Conv3d(3, width, (5, 7, 7), 2, (2, 3, 3), bias=False),
            norm(width),
            nn.ReLU(inplace=True),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1)),
        )
        self.blocks = nn.Sequential(ResidualBlock3d(width, width, 1, norm), ResidualBlock3d(width, width, 2, norm))

    def forward(self, inputs: Tensor) -> Tensor:
        """`[B, T, 3, H, W]` to `[B, T', H', W', D]`."""
        grid: Tensor = self.blocks(self.stem(self.normalize(inputs).transpose(1, 2)))
        return grid.movedim(1, -1)


class _ResidualBlock1d(nn.Module):
    """Two convolutions of 15 beside a shortcut: `[B, I, S]` to `[B, O, S / 4]`."""

    def __init__(self, inputs: int, outputs: int, norm: Norm) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv1d(inputs, outputs, 15, 4, 7, bias=False),
            norm(outputs),
            nn.ReLU(inplace=True),
            nn.Conv1d(outputs, outputs, 15, 1, 7, bias=False),
            norm(outputs),
        )
        self.shortcut = nn.Sequential(nn.Conv1d(inputs, outputs, 1, 4, bias=False), norm(outputs))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = functional.relu(self.layers(x) + self.shortcut(x))
        return y


def _batch_norm_1d(channels: int) -> nn.Module:
    return nn.BatchNorm1d(channels)


class MultisensoryAudio(Encoder):
    """Samples `[B, S]` at 21 kHz to `[B, S / 1024, 1, 256]`: 87,588 give 86.

    Departure: one channel of sound, not two.

    Args:
        width: channels of the first convolution; D is four times that. 64 is the paper's.
        norm: channels to a norm layer, over `[B, C, S']`.
    """

    modality: ClassVar[Modality] = "audio"

    def __init__(self, width: int = 64, norm: Norm = _batch_norm_1d) -> None:
        super().__init__()
        self.dim = 4 * width
        self.front_end = multisensory()
        self.sample_rate = self.front_end.sample_rate
        self.stem = nn.Sequential(
            nn.Conv1d(1, width, 65, 4, 32, bias=False), norm(width), nn.ReLU(inplace=True), nn.MaxPool1d(4, 4)
        )
        sizes = ((width, 2 * width), (2 * width, 2 * width), (2 * width, 4 * width))
        self.blocks = nn.Sequential(*(_ResidualBlock1d(inputs, outputs, norm) for inputs, outputs in sizes))

    def forward(self, inputs: Tensor) -> Tensor:
        """`[B, S]` to `[B, T', 1, D]`."""
        grid: Tensor = self.blocks(self.stem(self.front_end(inputs).transpose(1, 2)))
        return grid.transpose(1, 2).unsqueeze(2)
