"""Captions as bags of word vectors: MIL-NCE's tower (Miech et al. 2020, section 3.3) and a plain mean.

Every place of the grid is one word, so the map says which word was heard or seen.
"""

from typing import ClassVar

from torch import Tensor, nn
from torch.nn import functional

from mmssl.batch import Modality
from mmssl.encoder import Encoder
from mmssl.errors import UsageError
from mmssl.modules.pooling import max_pool
from mmssl.modules.vocabulary import look_up


def _embedding(vocabulary: int, dim: int, vectors: Tensor | None) -> nn.Embedding:
    if vectors is None:
        embedding = nn.Embedding(vocabulary, dim)
        nn.init.normal_(embedding.weight, std=dim**-0.5)
        return embedding
    if vectors.ndim != 2 or len(vectors) != vocabulary:
        raise UsageError(f"word vectors are {tuple(vectors.shape)} but the vocabulary has {vocabulary} words.")
    return nn.Embedding(vocabulary, vectors.shape[1], _weight=vectors.clone().float())


class TextWords(Encoder):
    """`[B, L]` word ids to `[B, L, D]`: word vector, linear, ReLU; the pool is the maximum over words.

    The paper's last linear layer, after the maximum, belongs to the objective as its text head.

    Args:
        vocabulary: number of words.
        dim: D.
        vectors: `[vocabulary, word_dim]` to begin with (`modules.word_vectors.read_word_vectors`), or random ones.
        word_dim: numbers a word, when `vectors` is None.
        frozen: whether the word vectors stay as they are, as in the paper.
    """

    modality: ClassVar[Modality] = "text"

    def __init__(
        self,
        vocabulary: int,
        dim: int = 2048,
        vectors: Tensor | None = None,
        word_dim: int = 300,
        frozen: bool = True,
    ) -> None:
        super().__init__()
        self.dim = dim
        self.embedding = _embedding(vocabulary, word_dim, vectors)
        self.embedding.weight.requires_grad_(not frozen)
        self.linear = nn.Linear(self.embedding.embedding_dim, dim)

    def forward(self, inputs: Tensor) -> Tensor:
        """`[B, L]` to `[B, L, D]`."""
        return functional.relu(self.linear(look_up(self.embedding, inputs)))

    def mask(self, inputs: Tensor) -> Tensor:
        """`[B, L]`, true at words."""
        return inputs >= 0

    def pool(self, grid: Tensor, mask: Tensor | None = None) -> Tensor:
        """The maximum over words; 0 for a caption without any."""
        return max_pool(grid, mask)


class TextMean(Encoder):
    """`[B, L]` word ids to `[B, L, D]`, one learnt vector a word; the pool is their mean. For small worlds.

    Args:
        vocabulary: number of words.
        dim: D.
    """

    modality: ClassVar[Modality] = "text"

    def __init__(self, vocabulary: int, dim: int = 128) -> None:
        super().__init__()
        self.dim = dim
        self.embedding = _embedding(vocabulary, dim, None)

    def forward(self, inputs: Tensor) -> Tensor:
        """`[B, L]` to `[B, L, D]`."""
        return look_up(self.embedding, inputs)

    def mask(self, inputs: Tensor) -> Tensor:
        """`[B, L]`, true at words."""
        return inputs >= 0
