"""The control of every claim that pictures are used: an encoder that does not look."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from mmssl.batch import Modality
from mmssl.encoder import Encoder


class VideoBlank(Encoder):
    """`[B, T, 3, H, W]` to one learned vector for all, `[B, 1, 1, 1, D]`.

    Args:
        dim: D.
    """

    modality: ClassVar[Modality] = "video"

    def __init__(self, dim: int = 96) -> None:
        super().__init__()
        self.dim = dim
        self.vector = nn.Parameter(torch.randn(dim) * 0.02)

    def forward(self, inputs: Tensor) -> Tensor:
        """`[B, T, 3, H, W]` to `[B, 1, 1, 1, D]`."""
        return self.vector.expand(len(inputs), 1, 1, 1, -1)
