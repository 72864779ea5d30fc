"""A small network over windows of a few frames of 32 to 64 pixels, quick enough to train on two processor cores."""

from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor, nn

from mmssl.batch import Modality
from mmssl.encoder import Encoder
from mmssl.modules.normalize import CENTERED, PixelNorm
from mmssl.modules.resnet import Norm, batch_norm


class VideoWindows(Encoder):
    """`[B, T, 3, H, W]` to `[B, T - frames + 1, H / 8, W / 8, D]`: one place in time for each window of frames.

    Time is never padded, so that a window sees its own frames alone and the clip's ends tell nothing; each frame is
    computed once, whatever the number of windows that it is in.

    Args:
        channels: of three convolutions with stride 2; the second looks at all frames of a window.
        dim: D.
        frames: of a window.
        norm: channels to a norm layer, over `[B * T', C, h, w]`.
    """

    modality: ClassVar[Modality] = "video"

    def __init__(
        self, channels: Sequence[int] = (16, 32, 64), dim: int = 64, frames: int = 5, norm: Norm = batch_norm
    ) -> None:
        super().__init__()
        first, second, third = channels
        self.dim, self.frames = dim, frames
        self.normalize = PixelNorm(*CENTERED)
        self.look = nn.Sequential(nn.Conv2d(3, first, 5, 2, 2, bias=False), norm(first), nn.ReLU(inplace=True))
        self.move = nn.Conv3d(first, second, (frames, 3, 3), (1, 2, 2), (0, 1, 1), bias=False)
        self.know = nn.Sequential(
            norm(second),
            nn.ReLU(inplace=True),
            nn.Conv2d(second, third, 3, 2, 1, bias=False),
            norm(third),
            nn.ReLU(inplace=True),
            nn.Conv2d(third, dim, 3, 1, 1),
        )
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.Conv3d)):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, inputs: Tensor) -> Tensor:
        """`[B, T, 3, H, W]` to `[B, T', H', W', D]`."""
        clips, frames = inputs.shape[:2]
        x: Tensor = self.look(self.normalize(inputs).flatten(0, 1))
        x = self.move(x.unflatten(0, (clips, frames)).transpose(1, 2))  # type: ignore[no-untyped-call]
        x = self.know(x.transpose(1, 2).flatten(0, 1))
        return x.movedim(1, -1).unflatten(0, (clips, -1))  # type: ignore[no-any-return, no-untyped-call]

    def units(self) -> list[nn.Module]:
        """What sees single frames, and what sees windows."""
        return [self.look, self.know]

    def pool(self, grid: Tensor, mask: Tensor | None = None) -> Tensor:
        """The largest of each feature over the places, averaged over time, as events are smaller than the picture."""
        return grid.flatten(2, -2).amax(2).mean(1)
