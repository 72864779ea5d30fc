"""Batch normalization of rows some of which are not there, over the clips of all processes."""

import torch
from torch import Tensor, nn

from mmssl.distributed import gather
from mmssl.modules.precision import full_precision


class RowNorm(nn.Module):
    """Ioffe and Szegedy 2015, "Batch Normalization", algorithm 1, over the last axis of `[..., E]`.

    Given which rows are there, it takes the statistics of those, of all processes, in training. Without, as in
    evaluation, those that it remembers: rows that are merely looked at leave no trace.

    Args:
        width: E.
        decay: of what it remembers.
        eps: added to the variance.
    """

    mean: Tensor
    variance: Tensor

    def __init__(self, width: int, decay: float = 0.9, eps: float = 1e-5) -> None:
        super().__init__()
        self.decay, self.eps = decay, eps
        self.weight, self.bias = nn.Parameter(torch.ones(width)), nn.Parameter(torch.zeros(width))
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("variance", torch.ones(width))

    def forward(self, rows: Tensor, valid: Tensor | None = None) -> Tensor:
        """`[..., E]` and, in training, `[...]` bool to `[..., E]` float32."""
        with full_precision(rows):
            values = rows.float()
            if valid is None or not self.training:
                return (values - self.mean) * (self.variance + self.eps).rsqrt() * self.weight + self.bias
            flat, there = values.flatten(0, -2), valid.flatten().unsqueeze(1)
            count = gather(there.sum().reshape(1)).sum()
            share = 1 / count.clamp(min=1)
            mean = gather(flat.masked_fill(~there, 0).sum(0, keepdim=True)).sum(0) * share
            centered = (flat - mean).masked_fill(~there, 0)
            variance = gather(centered.square().sum(0, keepdim=True)).sum(0) * share
            self._remember(mean.detach(), variance.detach(), count)
            normal = centered * (variance + self.eps).rsqrt() * self.weight + self.bias
            return normal.view(values.shape)

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor, count: Tensor) -> None:
        """The variance without bias; nothing where no row was there."""
        weight = (1 - self.decay) * (count > 0)
        self.mean.lerp_(mean, weight)
        self.variance.lerp_(variance * count / (count - 1).clamp(min=1), weight)
