"""Transformers that look at other tokens beside their own: words that are written about a picture, learned queries."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from mmssl.modules.transformer import Attention, small_weights


def causal(valid: Tensor) -> Tensor:
    """`[B, N]` bool, which tokens hold anything, to `[B, N, N]`: each sees itself and the valid ones before it."""
    order = torch.ones(valid.shape[1], valid.shape[1], dtype=torch.bool, device=valid.device).tril()
    return (order & valid.unsqueeze(1)) | torch.eye(len(order), dtype=torch.bool, device=valid.device)


class CrossAttention(nn.Module):
    """Every token looks at every valid token of another set.

    Args:
        dim: D of the tokens that look.
        heads: divides D.
        width: K of those that are looked at; D when None.
    """

    def __init__(self, dim: int, heads: int, width: int | None = None) -> None:
        super().__init__()
        if dim % heads:
            raise ValueError(f"{heads} heads do not divide {dim} features")
        self.heads = heads
        self.query, self.key, self.value = (nn.Linear(n, dim) for n in (dim, width or dim, width or dim))
        self.out = nn.Linear(dim, dim)

    def forward(self, x: Tensor, others: Tensor, mask: Tensor | None = None) -> Tensor:
        """`[B, N, D]` and `[B, M, K]` to `[B, N, D]`; `mask [B, M]` is true where a token may be looked at."""
        q, k, v = (
            tokens.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for tokens in (self.query(x), self.key(others), self.value(others))
        )
        seen = None if mask is None else mask[:, None, None]
        y = functional.scaled_dot_product_attention(q, k, v, attn_mask=seen)
        z: Tensor = self.out(y.transpose(1, 2).flatten(2))
        return z


class DecoderBlock(nn.Module):
    """Attention to the tokens before, to the other set, then two layers at each token, each added to what came in.

    Args:
        dim: D.
        heads: of both attentions.
        ratio: width of the two layers by D.
    """

    def __init__(self, dim: int, heads: int, ratio: float = 4.0) -> None:
        super().__init__()
        hidden = int(dim * ratio)
        self.norm1, self.attention = nn.LayerNorm(dim), Attention(dim, heads)
        self.norm2, self.cross = nn.LayerNorm(dim), CrossAttention(dim, heads)
        self.norm3 = nn.LayerNorm(dim)
        self.mlp = nn.Sequential(nn.Linear(dim, hidden), nn.GELU(), nn.Linear(hidden, dim))

    def forward(self, x: Tensor, order: Tensor, others: Tensor, mask: Tensor | None = None) -> Tensor:
        """`[B, N, D]` to the same; `order [B, N, N]` as of `causal`."""
        x = x + self.attention(self.norm1(x), order)
        x = x + self.cross(self.norm2(x), others, mask)
        y: Tensor = x + self.mlp(self.norm3(x))
        return y


class Decoder(nn.Module):
    """Blocks and a last norm.

    Args:
        dim: D.
        depth: number of blocks.
        heads: of attention.
    """

    def __init__(self, dim: int, depth: int, heads: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(DecoderBlock(dim, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(dim)
        small_weights(self)

    def forward(self, x: Tensor, valid: Tensor, others: Tensor, mask: Tensor | None = None) -> Tensor:
        """`[B, N, D]` tokens, of which `valid [B, N]` hold anything, and `[B, M, D]` others to `[B, N, D]`."""
        order = causal(valid)
        for block in self.blocks:
            x = block(x, order, others, mask)
        y: Tensor = self.norm(x)
        return y


class AttentionPool(nn.Module):
    """Learned queries that look at any number of places (Lee et al. 2019, "Set Transformer", section 3.2.2).

    Args:
        width: K of the places.
        dim: D of the queries.
        queries: Q.
        heads: divides D.
    """

    def __init__(self, width: int, dim: int, queries: int, heads: int) -> None:
        super().__init__()
        self.queries = nn.Parameter(torch.randn(queries, dim) * 0.02)
        self.norm, self.attention, self.last = nn.LayerNorm(width), CrossAttention(dim, heads, width), nn.LayerNorm(dim)

    def forward(self, places: Tensor) -> Tensor:
        """`[..., K]` to `[..., D]`, each place as if it were the only one that is looked at."""
        y: Tensor = self.last(self.attention.out(self.attention.value(self.norm(places))))
        return y

    def pooled(self, grid: Tensor, mask: Tensor | None = None) -> Tensor:
        """`[B, *grid, K]` to `[B, Q, D]`; `mask [B, *grid]` is true at places that hold anything."""
        queries = self.queries.expand(len(grid), -1, -1)
        seen = None if mask is None else mask.flatten(1)
        y: Tensor = self.last(self.attention(queries, self.norm(grid.flatten(1, -2)), seen))
        return y
