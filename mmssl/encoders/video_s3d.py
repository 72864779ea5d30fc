"""S3D-G: separable 3-D Inception with self-gating (Xie et al. 2018), as MIL-NCE trains it (Miech et al. 2020).

Names of parameters and the padding of the pools are those of the published HowTo100M weights, so that file fits.
"""

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from mmssl.batch import Modality
from mmssl.encoder import Encoder
from mmssl.modules.normalize import UNIT, PixelNorm
from mmssl.modules.pretrained import load_weights, read_weights, wanted

Triple = tuple[int, int, int]
# Channels of 1 x 1 x 1; 1 x 1 x 1 and 3 x 3 x 3; the same, narrower; 1 x 1 x 1 after a maximum.
_MIXED = {
    "3b": (64, 96, 128, 16, 32, 32),
    "3c": (128, 128, 192, 32, 96, 64),
    "4b": (192, 96, 208, 16, 48, 64),
    "4c": (160, 112, 224, 24, 64, 64),
    "4d": (128, 128, 256, 24, 64, 64),
    "4e": (112, 144, 288, 32, 64, 64),
    "4f": (256, 160, 320, 32, 128, 128),
    "5b": (256, 160, 320, 32, 128, 128),
    "5c": (384, 192, 384, 48, 128, 128),
}


class _Conv(nn.Module):
    """Convolution, norm, ReLU."""

    def __init__(self, inputs: int, outputs: int, kernel: Triple = (1, 1, 1), stride: int = 1, pad: Triple = (0, 0, 0)):
        super().__init__()
        self.conv1 = nn.Conv3d(inputs, outputs, kernel, stride, pad, bias=False)
        self.bn1 = nn.BatchNorm3d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.bn1(self.conv1(x)), inplace=True)


class _Separable(nn.Module):
    """3 x 3 over space, then 3 over time, each with norm and ReLU."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv3d(inputs, outputs, (1, 3, 3), 1, (0, 1, 1), bias=False)
        self.bn1 = nn.BatchNorm3d(outputs)
        self.conv2 = nn.Conv3d(outputs, outputs, (3, 1, 1), 1, (1, 0, 0), bias=False)
        self.bn2 = nn.BatchNorm3d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(self.bn1(self.conv1(x)), inplace=True)
        return functional.relu(self.bn2(self.conv2(x)), inplace=True)


class _Gate(nn.Module):
    """Each channel times a sigmoid of a linear map of all channels' means (Xie et al. 2018, section 4.3)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc = nn.Linear(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        weight: Tensor = torch.sigmoid(self.fc(x.mean((2, 3, 4))))
        return x * weight[:, :, None, None, None]


class _Mixed(nn.Module):
    """Four branches side by side, each gated."""

    def __init__(self, inputs: int, channels: tuple[int, ...]) -> None:
        super().__init__()
        b0, b1_a, b1_b, b2_a, b2_b, b3 = channels
        self.conv_b0 = _Conv(inputs, b0)
        self.conv_b1_a, self.conv_b1_b = _Conv(inputs, b1_a), _Separable(b1_a, b1_b)
        self.conv_b2_a, self.conv_b2_b = _Conv(inputs, b2_a), _Separable(b2_a, b2_b)
        self.conv_b3_b = _Conv(inputs, b3)
        self.gating_b0, self.gating_b1 = _Gate(b0), _Gate(b1_b)
        self.gating_b2, self.gating_b3 = _Gate(b2_b), _Gate(b3)

    def forward(self, x: Tensor) -> Tensor:
        branches = (
            self.gating_b0(self.conv_b0(x)),
            self.gating_b1(self.conv_b1_b(self.conv_b1_a(x))),
            self.gating_b2(self.conv_b2_b(self.conv_b2_a(x))),
            self.gating_b3(self.conv_b3_b(functional.max_pool3d(x, 3, 1, 1))),
        )
        return torch.cat(branches, dim=1)


def _halve(x: Tensor, kernel: Triple, stride: Triple) -> Tensor:
    """A maximum with TensorFlow's padding: the odd place at the end. Zeros do, as everything before is a ReLU."""
    pad: list[int] = []
    for size, step in zip(reversed(kernel), reversed(stride), strict=True):
        pad += [(size - step) // 2, size - step - (size - step) // 2]
    return functional.max_pool3d(functional.pad(x, pad), kernel, stride, ceil_mode=True)


class VideoS3DG(Encoder):
    """`[B, T, 3, H, W]` to `[B, T / 8, H / 32, W / 32, 1024]`; MIL-NCE's linear layer to 512 is its objective's head.

    Args:
        width: channels of the first convolution; 64 is the paper's, and all others are in proportion.
        pretrained: a local file, such as the published one of HowTo100M; its linear layer and text tower are left out.

    Raises:
        UsageError: the weights cannot be read or do not fit.
    """

    modality: ClassVar[Modality] = "video"

    def __init__(self, width: int = 64, pretrained: str | None = None) -> None:
        super().__init__()
        self.normalize = PixelNorm(*UNIT)
        self.trunk = _Trunk(width)
        self.dim = self.trunk.dim
        if pretrained is not None and wanted(pretrained):
            load_weights(self.trunk, read_weights(pretrained), pretrained, unused=("fc.", "text_module."))

    def forward(self, inputs: Tensor) -> Tensor:
        """`[B, T, 3, H, W]` to `[B, T', H', W', D]`."""
        grid: Tensor = self.trunk(self.normalize(inputs).transpose(1, 2))
        return grid.movedim(1, -1)

    def units(self) -> list[nn.Module]:
        """Its convolutions, gate and mixtures."""
        return list(self.trunk.children())


class _Trunk(nn.Module):
    """`[B, 3, T, H, W]` to `[B, D, T', H', W']`."""

    def __init__(self, width: int) -> None:
        super().__init__()

        def scaled(channels: int) -> int:
            return max(channels * width // 64, 1)

        self.conv1 = _Conv(3, scaled(64), (3, 7, 7), 2, (1, 3, 3))
        self.conv_2b = _Conv(scaled(64), scaled(64))
        self.conv_2c = _Separable(scaled(64), scaled(192))
        self.gating = _Gate(scaled(192))
        inputs = scaled(192)
        for name, channels in _MIXED.items():
            sizes = tuple(scaled(c) for c in channels)
            self.add_module(f"mixed_{name}", _Mixed(inputs, sizes))
            inputs = sizes[0] + sizes[2] + sizes[4] + sizes[5]
        self.dim = inputs
        for module in self.modules():
            if isinstance(module, nn.Conv3d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")

    def _mixed(self, x: Tensor, *names: str) -> Tensor:
        for name in names:
            x = self.get_submodule(f"mixed_{name}")(x)
        return x

    def forward(self, x: Tensor) -> Tensor:
        x = _halve(self.conv1(x), (1, 3, 3), (1, 2, 2))
        x = self.gating(self.conv_2c(self.conv_2b(x)))
        x = self._mixed(_halve(x, (1, 3, 3), (1, 2, 2)), "3b", "3c")
        x = self._mixed(_halve(x, (3, 3, 3), (2, 2, 2)), "4b", "4c", "4d", "4e", "4f")
        return self._mixed(_halve(x, (2, 2, 2), (2, 2, 2)), "5b", "5c")
