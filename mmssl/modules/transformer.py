"""A pre-norm transformer (Vaswani et al. 2017; norms before each part, Xiong et al. 2020) over any set of tokens."""

from torch import Tensor, nn
from torch.nn import functional


def small_weights(module: nn.Module) -> None:
    """Matrices of deviation 0.02 and biases of 0, as transformers begin."""
    for part in module.modules():
        if isinstance(part, nn.Linear):
            nn.init.trunc_normal_(part.weight, std=0.02)
            nn.init.zeros_(part.bias)


class Attention(nn.Module):
    """Every token looks at every token that it may see.

    Args:
        dim: D.
        heads: divides D.
    """

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        if dim % heads:
            raise ValueError(f"{heads} heads do not divide {dim} features")
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.out = nn.Linear(dim, dim)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """`[B, N, D]` to the same.

        Args:
            x: tokens.
            mask: `[B, N]`, true where a token may be looked at, or `[B, N, N]`, by which (rows) it may.
        """
        batch, tokens, dim = x.shape
        q, k, v = self.qkv(x).view(batch, tokens, 3, self.heads, dim // self.heads).permute(2, 0, 3, 1, 4)
        seen = None if mask is None else mask[:, None, None] if mask.ndim == 2 else mask[:, None]
        y = functional.scaled_dot_product_attention(q, k, v, attn_mask=seen)
        z: Tensor = self.out(y.transpose(1, 2).reshape(batch, tokens, dim))
        return z


class Block(nn.Module):
    """Attention, then two layers at each token, each added to what came in.

    Args:
        dim: D.
        heads: of attention.
        ratio: width of the two layers by D.
    """

    def __init__(self, dim: int, heads: int, ratio: float = 4.0) -> None:
        super().__init__()
        hidden = int(dim * ratio)
        self.norm1, self.attention = nn.LayerNorm(dim), Attention(dim, heads)
        self.norm2 = nn.LayerNorm(dim)
        self.mlp = nn.Sequential(nn.Linear(dim, hidden), nn.GELU(), nn.Linear(hidden, dim))

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """`[B, N, D]` to the same, `mask` as of `Attention`."""
        x = x + self.attention(self.norm1(x), mask)
        y: Tensor = x + self.mlp(self.norm2(x))
        return y


class Transformer(nn.Module):
    """Blocks and a last norm.

    Args:
        dim: D.
        depth: number of blocks.
        heads: of attention.
    """

    def __init__(self, dim: int, depth: int, heads: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Block(dim, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(dim)
        small_weights(self)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """`[B, N, D]` to the same, `mask` as of `Attention`; what may see nothing looks at the first token instead."""
        if mask is not None:
            mask = mask.clone()
            mask[..., 0] |= ~mask.any(-1)
        for block in self.blocks:
            x = block(x, mask)
        y: Tensor = self.norm(x)
        return y
