"""A transformer in which no word sees a later one, with a token at the end that stands for the caption.

Yu et al. 2022, "CoCa: Contrastive Captioners are Image-Text Foundation Models", section 3.2: the unimodal half of the
decoder.
"""

from typing import ClassVar

import torch
from torch import Tensor, nn

from mmssl.batch import Modality
from mmssl.encoder import Encoder
from mmssl.modules.decoder import causal
from mmssl.modules.pooling import last_pool
from mmssl.modules.position import SinePositions
from mmssl.modules.transformer import Transformer
from mmssl.modules.vocabulary import look_up


class TextCausal(Encoder):
    """`[B, L]` ids to `[B, L + 1, D]`; the last place, which sees all words and no padding, is the pool.

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
        self.cls_token = nn.Parameter(torch.randn(dim) * 0.02)
        self.positions = SinePositions(1, dim)
        self.transformer = Transformer(dim, depth, heads)

    def forward(self, inputs: Tensor) -> Tensor:
        """`[B, L]` to `[B, L + 1, D]`."""
        words = look_up(self.embedding, inputs)
        # Sines have length sqrt(D / 2): beside vectors of 0.02 they would be all that attention sees.
        words = words + (self.positions(inputs.shape[1:]) * 0.02).to(words)
        tokens = torch.cat([words, self.cls_token.expand(len(inputs), 1, -1).to(words)], 1)
        encoded: Tensor = self.transformer(tokens, causal(self.mask(inputs)))
        return encoded

    def mask(self, inputs: Tensor) -> Tensor:
        """`[B, L + 1]`, true at words and at the last place."""
        return torch.cat([inputs >= 0, torch.ones_like(inputs[:, :1], dtype=torch.bool)], 1)

    def pool(self, grid: Tensor, mask: Tensor | None = None) -> Tensor:
        """The last place."""
        return last_pool(grid, mask)
