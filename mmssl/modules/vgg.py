"""The tower of L3-Net and AVE-Net: four pairs of 3 x 3 convolutions (Arandjelovic and Zisserman 2017, figure 2)."""

from torch import Tensor, nn

from mmssl.modules.resnet import Norm, batch_norm


def _pair(inputs: int, outputs: int, stride: int, norm: Norm) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
        norm(outputs),
        nn.ReLU(inplace=True),
        nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False),
        norm(outputs),
        nn.ReLU(inplace=True),
    )


class VggTower(nn.Module):
    """`[N, inputs, H, W]` to `[N, 8 width, H / 8, W / 8]`, the map before the paper's last, global maximum.

    Args:
        inputs: channels in.
        width: channels of the first pair; doubled in each later one.
        stride: of the first convolution: 1 in L3-Net, 2 in AVE-Net, whose map is half as large.
        norm: channels to a norm layer.
    """

    def __init__(self, inputs: int, width: int = 64, stride: int = 1, norm: Norm = batch_norm) -> None:
        super().__init__()
        self.block1 = _pair(inputs, width, stride, norm)
        self.block2 = _pair(width, 2 * width, 1, norm)
        self.block3 = _pair(2 * width, 4 * width, 1, norm)
        self.block4 = _pair(4 * width, 8 * width, 1, norm)
        self.halve = nn.MaxPool2d(2)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")

    def pairs(self) -> list[nn.Module]:
        """The four, in order."""
        return [self.block1, self.block2, self.block3, self.block4]

    def forward(self, x: Tensor) -> Tensor:
        """Maxima of 2 x 2 between the pairs."""
        for block in (self.block1, self.block2, self.block3):
            x = self.halve(block(x))
        y: Tensor = self.block4(x)
        return y
