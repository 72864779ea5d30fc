"""A vision transformer over tubelets (Arnab et al. 2021, sections 3.2 and 3.3, joint attention over space and time)."""

from typing import ClassVar

from torch import Tensor, nn

from mmssl.batch import Modality
from mmssl.encoder import Encoder
from mmssl.errors import UsageError
from mmssl.modules.normalize import IMAGENET, PixelNorm
from mmssl.modules.position import SinePositions
from mmssl.modules.pretrained import load_weights, read_weights, wanted
from mmssl.modules.transformer import Transformer


class VideoViT(Encoder):
    """`[B, T, 3, H, W]` to `[B, T / 2, H / 16, W / 16, D]` with the default tubelet.

    `tokens` and `encode` are its two halves, so that a masked objective can encode the visible tokens alone.

    Args:
        dim: D.
        depth: blocks.
        heads: of attention.
        tubelet: frames, rows and columns of pixels that make one token; must divide the clip.
        positions: grid to `[*grid, D]`, such as `LearnedPositions`; fixed sines and cosines of any grid when None.
        pretrained: a local file of this class's own weights.

    Raises:
        UsageError: in `forward`, when the tubelet does not divide the clip.
    """

    modality: ClassVar[Modality] = "video"

    def __init__(
        self,
        dim: int = 384,
        depth: int = 12,
        heads: int = 6,
        tubelet: tuple[int, int, int] = (2, 16, 16),
        positions: nn.Module | None = None,
        pretrained: str | None = None,
    ) -> None:
        super().__init__()
        self.dim, self.tubelet = dim, tubelet
        self.normalize = PixelNorm(*IMAGENET)
        self.embed = nn.Conv3d(3, dim, tubelet, tubelet)
        self.positions = positions or SinePositions(3, dim)
        self.transformer = Transformer(dim, depth, heads)
        if pretrained is not None and wanted(pretrained):
            load_weights(self, read_weights(pretrained), pretrained)

    def tokens(self, inputs: Tensor) -> Tensor:
        """`[B, T, 3, H, W]` to `[B, T', H', W', D]`, with positions, before any attention."""
        size = inputs.shape[1], *inputs.shape[3:]
        if any(n % step for n, step in zip(size, self.tubelet, strict=True)):
            raise UsageError(f"a clip of {size} frames, rows and columns is not divided by tubelets of {self.tubelet}.")
        grid: Tensor = self.embed(self.normalize(inputs).transpose(1, 2)).movedim(1, -1)
        places: Tensor = self.positions(grid.shape[1:-1])
        return grid + places.to(grid)

    def encode(self, tokens: Tensor, mask: Tensor | None = None) -> Tensor:
        """`[B, N, D]`, any subset of the tokens, to the same; `mask [B, N]` is false at tokens to leave out."""
        encoded: Tensor = self.transformer(tokens, mask)
        return encoded

    def forward(self, inputs: Tensor) -> Tensor:
        """`[B, T, 3, H, W]` to `[B, T', H', W', D]`."""
        tokens = self.tokens(inputs)
        return self.encode(tokens.flatten(1, 3)).view(tokens.shape)
