"""R(2+1)D-18, R3D-18 and MC3-18 (Tran et al. 2018, section 3), on torchvision's blocks and with its weights."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor, nn
from torchvision.models.video import MC3_18_Weights, R2Plus1D_18_Weights, R3D_18_Weights
from torchvision.models.video.resnet import BasicBlock, Conv2Plus1D, Conv3DNoTemporal, Conv3DSimple

from mmssl.batch import Modality
from mmssl.encoder import Encoder
from mmssl.modules.normalize import KINETICS, PixelNorm
from mmssl.modules.pretrained import Pretrained, from_hub, load_weights, read_weights, wanted


def _plain_stem(width: int) -> nn.Sequential:
    conv = nn.Conv3d(3, width, (3, 7, 7), (1, 2, 2), (1, 3, 3), bias=False)
    return nn.Sequential(conv, nn.BatchNorm3d(width), nn.ReLU(inplace=True))


def _factored_stem(width: int) -> nn.Sequential:
    middle = max(width * 45 // 64, 1)  # the paper's 45 of 64 keeps the number of weights of a full 3-D convolution
    spatial = nn.Conv3d(3, middle, (1, 7, 7), (1, 2, 2), (0, 3, 3), bias=False)
    temporal = nn.Conv3d(middle, width, (3, 1, 1), 1, (1, 0, 0), bias=False)
    norms = nn.BatchNorm3d(middle), nn.BatchNorm3d(width)
    return nn.Sequential(spatial, norms[0], nn.ReLU(inplace=True), temporal, norms[1], nn.ReLU(inplace=True))


@dataclass(frozen=True)
class _Layout:
    """What tells the three networks apart."""

    stem: Callable[[int], nn.Sequential]  # width to layers
    convolutions: tuple[Any, Any, Any, Any]  # torchvision's, of each stage
    weights: Any  # torchvision's, of Kinetics-400


_R2PLUS1D = _Layout(_factored_stem, (Conv2Plus1D,) * 4, R2Plus1D_18_Weights.KINETICS400_V1)
_R3D = _Layout(_plain_stem, (Conv3DSimple,) * 4, R3D_18_Weights.KINETICS400_V1)
_MC3 = _Layout(_plain_stem, (Conv3DSimple, *(Conv3DNoTemporal,) * 3), MC3_18_Weights.KINETICS400_V1)


class _Trunk(nn.Module):
    """`[B, 3, T, H, W]` to `[B, D, T', H', W']`; names of parameters are torchvision's, so its files fit."""

    def __init__(self, layout: _Layout, width: int, depths: tuple[int, int, int, int]) -> None:
        super().__init__()
        self.stem = layout.stem(width)
        inputs = width
        for stage, (convolution, depth) in enumerate(zip(layout.convolutions, depths, strict=True)):
            outputs, stride = width * 2**stage, 1 if stage == 0 else 2
            shortcut = None
            if stride != 1:
                conv = nn.Conv3d(inputs, outputs, 1, convolution.get_downsample_stride(stride), bias=False)
                shortcut = nn.Sequential(conv, nn.BatchNorm3d(outputs))
            blocks = [BasicBlock(inputs, outputs, convolution, stride, shortcut)]
            blocks += [BasicBlock(outputs, outputs, convolution) for _ in range(depth - 1)]
            self.add_module(f"layer{stage + 1}", nn.Sequential(*blocks))
            inputs = outputs
        for module in self.modules():
            if isinstance(module, nn.Conv3d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        for stage in self.children():
            x = stage(x)
        return x


class VideoResNet(Encoder):
    """`[B, T, 3, H, W]` to `[B, T', H / 16, W / 16, 8 width]`; built by `r2plus1d_18`, `r3d_18` and `mc3_18`.

    Args:
        layout: which of the three.
        width: channels of the first stage; 64 in the paper.
        depths: residual blocks of each stage.
        pretrained: True for torchvision's weights of Kinetics-400 (from the network or its cache), or a local file.

    Raises:
        UsageError: the weights cannot be had or do not fit.
    """

    modality: ClassVar[Modality] = "video"

    def __init__(
        self,
        layout: _Layout,
        width: int = 64,
        depths: tuple[int, int, int, int] = (2, 2, 2, 2),
        pretrained: Pretrained = False,
    ) -> None:
        super().__init__()
        self.dim = 8 * width
        self.normalize = PixelNorm(*KINETICS)
        self.trunk = _Trunk(layout, width, depths)
        if wanted(pretrained):
            name = layout.weights.url if pretrained is True else str(pretrained)
            weights = (
                from_hub(name, lambda: layout.weights.get_state_dict(check_hash=True, weights_only=True))
                if pretrained is True
                else read_weights(name)
            )
            load_weights(self.trunk, weights, name, unused=("fc.",))

    def forward(self, inputs: Tensor) -> Tensor:
        """`[B, T, 3, H, W]` to `[B, T', H', W', D]`."""
        grid: Tensor = self.trunk(self.normalize(inputs).transpose(1, 2))
        return grid.movedim(1, -1)

    def units(self) -> list[nn.Module]:
        """The stem, whose features are the largest, and the residual blocks."""
        return [self.trunk.get_submodule("stem"), *super().units()]


def r2plus1d_18(width: int = 64, pretrained: Pretrained = False) -> VideoResNet:
    """R(2+1)D-18: every 3-D convolution is one over space, then one over time; 16 frames of 112 give 2 x 7 x 7."""
    return VideoResNet(_R2PLUS1D, width, pretrained=pretrained)


def r3d_18(width: int = 64, pretrained: Pretrained = False) -> VideoResNet:
    """R3D-18: 3 x 3 x 3 everywhere; 16 frames of 112 give 2 x 7 x 7."""
    return VideoResNet(_R3D, width, pretrained=pretrained)


def mc3_18(width: int = 64, pretrained: Pretrained = False) -> VideoResNet:
    """MC3-18: time is mixed in the first stage alone and never subsampled; 16 frames of 112 give 16 x 7 x 7."""
    return VideoResNet(_MC3, width, pretrained=pretrained)
