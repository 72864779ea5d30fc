"""How much two partitions of the same things agree; neither the names of their parts nor their number need be equal."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Overlap:
    """Which parts meet: n pairs of a part of the first and one of the second, each of at least one thing.

    Attributes:
        first: `[n]` int64, part of the first partition.
        second: `[n]` likewise of the second.
        count: `[n]` float64, things in both.
    """

    first: Tensor
    second: Tensor
    count: Tensor

    def sizes(self, which: Tensor) -> Tensor:
        """Things in each part of the partition whose parts `which` names, `first` or `second`."""
        return torch.zeros(int(which.max()) + 1, dtype=torch.float64).index_add_(0, which, self.count)


def overlap(first: Tensor, second: Tensor) -> Overlap:
    """From `[N]` and `[N]` integers, at least one of each."""
    parts = [torch.unique(part.cpu(), return_inverse=True)[1] for part in (first, second)]
    pairs, count = torch.unique(torch.stack(parts), dim=1, return_counts=True)
    return Overlap(pairs[0], pairs[1], count.double())


def entropy(sizes: Tensor) -> Tensor:
    """Of a random thing's part, in nats."""
    shares = sizes[sizes > 0].double() / sizes.sum()
    return -(shares * shares.log()).sum()


def nmi(parts: Overlap) -> float:
    """Mutual information by the mean of both entropies, in [0, 1] (Strehl and Ghosh 2002, with the arithmetic mean).

    Two partitions of one part each agree fully.
    """
    first, second = parts.sizes(parts.first), parts.sizes(parts.second)
    total = parts.count.sum()
    expected = first[parts.first] * second[parts.second] / total
    shared = (parts.count * (parts.count / expected).log()).sum() / total
    scale = (entropy(first) + entropy(second)) / 2
    return float((shared / scale).clamp(0, 1)) if scale > 0 else 1.0


def adjusted_rand(parts: Overlap) -> float:
    """Pairs of things that both join or both part, corrected for chance: at most 1 (Hubert and Arabie 1985)."""
    both, first, second = (
        (sizes * (sizes - 1) / 2).sum() for sizes in (parts.count, parts.sizes(parts.first), parts.sizes(parts.second))
    )
    total = parts.count.sum()
    expected = first * second / (total * (total - 1) / 2).clamp(min=1)
    most = (first + second) / 2
    return float((both - expected) / (most - expected)) if most != expected else 1.0


def purity(parts: Overlap) -> float:
    """Share of things whose part of the second partition is the most frequent one within their part of the first."""
    most = torch.zeros(int(parts.first.max()) + 1, dtype=torch.float64)
    return float(most.scatter_reduce_(0, parts.first, parts.count, "amax").sum() / parts.count.sum())
