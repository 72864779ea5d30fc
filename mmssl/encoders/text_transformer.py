"""A small transformer over word or subword ids, from random weights."""

from typing import ClassVar

from torch import Tensor, nn

from mmssl.batch import Modality
from mmssl.encoder import Encoder
from mmssl.modules.position import SinePositions
from mmssl.modules.transformer import Transformer
from mmssl.modules.vocabulary import look_up


class TextTransformer(Encoder):
    """`[B, L]` ids to `[B, L, D]`; the pool is the mean over words.

    Args:
        vocabulary: number of ids.
        dim: D.
        depth: blocks.
        heads: of attention.
    """

    modality: ClassVar[Modality] = "text"

    def __init__(self, vocabulary: int, dim: int = 256, depth: int = 4, heads: int = 4) -> None:
        super().__init__()
        self.dim = dim
        self.embedding = nn.Embedding(vocabulary, dim)
        nn.init.normal_(self.embedding.weight, std=0.02)
        self.positions = SinePositions(1, dim)
        self.transformer = Transformer(dim, depth, heads)

    def forward(self, inputs: Tensor) -> Tensor:
        """`[B, L]` to `[B, L, D]`."""
        words = look_up(self.embedding, inputs)
        # Sines have length sqrt(D / 2): beside vectors of 0.02 they would be all that attention sees.
        places = self.positions(inputs.shape[1:]) * 0.02
        encoded: Tensor = self.transformer(words + places.to(words), self.mask(inputs))
        return encoded

    def mask(self, inputs: Tensor) -> Tensor:
        """`[B, L]`, true at words."""
        return inputs >= 0
