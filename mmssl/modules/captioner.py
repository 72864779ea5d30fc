"""A caption told from one vector: a bottleneck that all that is known of the picture must pass."""

import torch
from torch import Tensor, nn

from mmssl.modules.decoder import causal
from mmssl.modules.position import SinePositions
from mmssl.modules.transformer import Transformer
from mmssl.modules.vocabulary import look_up


class Captioner(nn.Module):
    """A causal transformer whose first token is the vector; each place tells the next word.

    Args:
        vocabulary: ids that may be told; one more is told as the end.
        width: E of the vector.
        dim: D of the tokens.
        depth: blocks.
        heads: of attention.
    """

    def __init__(self, vocabulary: int, width: int, dim: int, depth: int, heads: int) -> None:
        super().__init__()
        self.end = vocabulary
        self.first, self.words = nn.Linear(width, dim), nn.Embedding(vocabulary, dim)
        nn.init.normal_(self.words.weight, std=dim**-0.5)
        self.positions = SinePositions(1, dim)
        self.transformer = Transformer(dim, depth, heads)
        self.out = nn.Linear(dim, vocabulary + 1)

    def forward(self, vectors: Tensor, ids: Tensor) -> Tensor:
        """`[B, E]` and `[B, L]`, -1 is padding, to logits `[B, L + 1, vocabulary + 1]`: place n has seen n words."""
        tokens = torch.cat([self.first(vectors).unsqueeze(1), look_up(self.words, ids)], 1)
        # Sines have length sqrt(D / 2), the words' vectors 1.
        places = self.positions(tokens.shape[1:2]) * self.words.embedding_dim**-0.5
        there = torch.cat([ids.new_ones(len(ids), 1, dtype=torch.bool), ids >= 0], 1)
        logits: Tensor = self.out(self.transformer(tokens + places.to(tokens), causal(there)))
        return logits
