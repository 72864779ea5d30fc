"""A residual network over pictures or spectrograms, of any width and depth (He et al. 2016, section 4.1)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional

Norm = Callable[[int], nn.Module]


def batch_norm(channels: int) -> nn.Module:
    """Statistics over the batch: fast, but a clip's features then depend on its neighbors and the process's share."""
    return nn.BatchNorm2d(channels)


def group_norm(channels: int) -> nn.Module:
    """Statistics within a clip, in groups of 16 channels: two processes of B equal one of 2B without exchange."""
    return nn.GroupNorm(max(channels // 16, 1), channels)


@dataclass(frozen=True)
class Stem:
    """The first convolution.

    Attributes:
        kernel: pixels.
        stride: pixels.
        pool: whether a 3 x 3 maximum with stride 2 follows.
    """

    kernel: int = 7
    stride: int = 2
    pool: bool = True

    def build(self, inputs: int, outputs: int, norm: Norm) -> nn.Sequential:
        """Convolution, norm, ReLU, and the maximum."""
        padding = max(self.kernel - self.stride + 1, 0) // 2
        conv = nn.Conv2d(inputs, outputs, self.kernel, self.stride, padding, bias=False)
        layers = [conv, norm(outputs), nn.ReLU(inplace=True)]
        return nn.Sequential(*layers, *([nn.MaxPool2d(3, 2, 1)] if self.pool else []))


class Shortcut(nn.Conv2d):
    """A 1 x 1 convolution with a stride, which skips places by slicing where channels are few.

    Otherwise oneDNN's gradient of the weights, on a CPU and with channels last, is written past its workspace: the heap
    is corrupted or threads hang. That is so below 8 channels with AVX2 and 16 with AVX-512, for whole multiples of the
    stride (oneDNN issue 6035; `tests/modules/test_resnet.py` tells when it is mended).
    """

    def forward(self, x: Tensor) -> Tensor:
        """`[N, I, h, w]` to `[N, O, h / stride, w / stride]`, rounded up."""
        if self.in_channels >= 16:
            return super().forward(x)
        down, right = self.stride
        return functional.conv2d(x[..., ::down, ::right], self.weight, self.bias)


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions beside a shortcut: `[N, I, h, w]` to `[N, O, h / stride, w / stride]`."""

    def __init__(self, inputs: int, outputs: int, stride: int, norm: Norm) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm1 = norm(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.norm2 = norm(outputs)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(Shortcut(inputs, outputs, 1, stride, bias=False), norm(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """ReLU after the sum."""
        y = functional.relu(self.norm1(self.conv1(x)), inplace=True)
        y = self.norm2(self.conv2(y))
        return functional.relu(y + self.shortcut(x), inplace=True)


class ResNet2d(nn.Module):
    """`[N, inputs, H, W]` to `[N, channels[-1], H', W']`.

    Args:
        inputs: channels in.
        stem: the first convolution.
        channels: of each stage.
        depths: blocks of each stage.
        strides: of the first block of each stage.
        norm: channels to a norm layer.
    """

    def __init__(
        self,
        inputs: int,
        stem: Stem,
        channels: Sequence[int],
        depths: Sequence[int],
        strides: Sequence[int],
        norm: Norm = batch_norm,
    ) -> None:
        super().__init__()
        self.stem = stem.build(inputs, channels[0], norm)
        stages, width = [], channels[0]
        for outputs, depth, stride in zip(channels, depths, strides, strict=True):
            blocks = [
                BasicBlock(width if i == 0 else outputs, outputs, stride if i == 0 else 1, norm) for i in range(depth)
            ]
            stages.append(nn.Sequential(*blocks))
            width = outputs
        self.stages = nn.Sequential(*stages)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        """The map of the last stage."""
        y: Tensor = self.stages(self.stem(x))
        return y
