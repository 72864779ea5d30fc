"""An image encoder, then 3-D convolutions over a stack of few frames, as in TCC (Dwibedi et al. 2019, section 3.3)."""

from typing import ClassVar

from torch import Tensor, nn

from mmssl.batch import Modality
from mmssl.encoder import Encoder


class VideoStack(Encoder):
    """`[B, T, 3, H, W]` to `[B, T, h, w, width]`: two convolutions of 3 x 3 x 3 with norms after the image encoder.

    Args:
        image: encoder of single frames.
        width: channels of the convolutions; 512 in the paper.
    """

    modality: ClassVar[Modality] = "video"

    def __init__(self, image: Encoder, width: int = 512) -> None:
        super().__init__()
        self.image, self.dim = image, width
        self.convolutions = nn.ModuleList(
            nn.Sequential(nn.Conv3d(inputs, width, 3, padding=1, bias=False), nn.BatchNorm3d(width), nn.ReLU())
            for inputs in (image.dim, width)
        )

    def forward(self, inputs: Tensor) -> Tensor:
        """`[B, T, 3, H, W]` to `[B, T, h, w, width]`."""
        x: Tensor = self.image(inputs).movedim(-1, 1)
        for layers in self.convolutions:
            x = layers(x)
        return x.movedim(1, -1)
