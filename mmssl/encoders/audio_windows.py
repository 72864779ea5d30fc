"""A small network over a fraction of a second of sound that keeps when in it something happens."""

from typing import ClassVar

from torch import Tensor, nn

from mmssl.batch import Modality
from mmssl.encoder import Encoder
from mmssl.modules.front_ends import log_mel
from mmssl.modules.resnet import Norm, batch_norm


class AudioWindows(Encoder):
    """`[B, S]` to `[B, T', 1, D]`, one place for each `seconds` of sound.

    A mean over time would lose the moment of an onset; the last layer knows each time and pitch of its window.

    Args:
        seconds: of a window, at least 0.1.
        bins: of mel.
        width: channels of the first convolution, doubled in the second.
        dim: D.
        norm: channels to a norm layer.
    """

    modality: ClassVar[Modality] = "audio"

    def __init__(
        self, seconds: float = 0.2, bins: int = 40, width: int = 16, dim: int = 64, norm: Norm = batch_norm
    ) -> None:
        super().__init__()
        self.front_end = log_mel(bins=bins)
        self.sample_rate, self.dim = self.front_end.sample_rate, dim
        frames = 1 + round(seconds * self.sample_rate) // 160
        window = (_quarter(frames), _quarter(bins))
        self.layers = nn.Sequential(
            nn.Conv2d(1, width, 3, 2, 1, bias=False),
            norm(width),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, 2 * width, 3, 2, 1, bias=False),
            norm(2 * width),
            nn.ReLU(inplace=True),
            nn.Conv2d(2 * width, 2 * dim, window, window, bias=False),
            norm(2 * dim),
            nn.ReLU(inplace=True),
            nn.Conv2d(2 * dim, dim, 1),
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")

    def forward(self, inputs: Tensor) -> Tensor:
        """`[B, S]` to `[B, T', 1, D]`."""
        grid: Tensor = self.layers(self.front_end(inputs).unsqueeze(1))
        return grid.movedim(1, -1)

    def units(self) -> list[nn.Module]:
        """All of it: it is small."""
        return [self.layers]


def _quarter(size: int) -> int:
    """What two convolutions of stride 2 leave."""
    return -(-size // 4)
