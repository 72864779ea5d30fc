"""Encoders that learn to tell clusters: heads, their loss, and the rounds in which clusters and heads begin anew."""

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from mmssl.batch import Batch, Modality
from mmssl.distributed import weighted_mean
from mmssl.encoder import Encoder
from mmssl.modules.assignment import Assignment, Found, pooled
from mmssl.objective import Objective, Terms

_SPREAD = 0.01  # of the weights of a new head, as in DeepCluster


def balanced_cross_entropy(logits: Tensor, labels: Tensor, sizes: Tensor) -> Tensor:
    """The mean of `-log softmax(logits)[label]` with weights `1 / sizes[label]`: each cluster counts as much.

    Args:
        logits: `[B, K]`.
        labels: `[B]` int64; those below 0 do not count.
        sizes: `[K]`, recordings of each cluster.

    Returns:
        A scalar whose mean over processes is the loss of all clips; log K for equal logits, 0 if no clip counts.
    """
    known = labels >= 0
    chosen = labels.clamp(min=0)
    losses = functional.cross_entropy(logits.float(), chosen, reduction="none")
    return weighted_mean(losses, known / sizes[chosen].clamp(min=1))


class ClusterHead(nn.Linear):
    """Features `[B, D]` to logits of K clusters."""

    def __init__(self, dim: int, clusters: int) -> None:
        super().__init__(dim, clusters)
        self.renew(0)

    @torch.no_grad()
    def renew(self, seed: int) -> None:
        """Normal weights of spread 0.01 and no bias, equal on all processes."""
        drawn = torch.randn(self.weight.shape, generator=torch.Generator().manual_seed(seed))
        self.weight.copy_(drawn * _SPREAD)
        self.bias.zero_()


class Lessons(nn.Module):
    """Who learns whose clusters.

    Args:
        encoders: by modality.
        taught: modality to the clusterings that it learns, such as `{"video": ["audio"], "audio": ["video"]}`; each
            clustering is called after what it is made of.
        clusters: K of each clustering.
        dims: of features that PCA leaves for k-means.
    """

    def __init__(
        self, encoders: Mapping[Modality, Encoder], taught: Mapping[Modality, Sequence[str]], clusters: int, dims: int
    ) -> None:
        super().__init__()
        self.pairs = {f"{p}_from_{t}": (p, t) for p, teachers in taught.items() for t in teachers}
        self.teachers = nn.ModuleDict({teacher: Assignment(clusters, dims) for _, teacher in self.pairs.values()})
        self.heads = nn.ModuleDict({n: ClusterHead(encoders[p].dim, clusters) for n, (p, _) in self.pairs.items()})

    def forward(self, vectors: Mapping[str, Tensor], batch: Batch) -> tuple[Tensor, Terms]:
        """The sum of the heads' losses, each log K at chance, from `[B, D]` features by modality.

        Terms: each head's loss and accuracy, how even clusters are and how much they agree with those before.
        """
        losses: list[Tensor] = []
        terms: Terms = {}
        for name, (pupil, taught_by) in self.pairs.items():
            teacher: Assignment = self.teachers[taught_by]  # type: ignore[assignment]
            logits = self.heads[name](vectors[pupil])
            labels = teacher(batch.index).masked_fill(~batch.valid(pupil), -1)
            losses.append(balanced_cross_entropy(logits, labels, teacher.sizes))
            right = weighted_mean((logits.argmax(1) == labels).float(), (labels >= 0).float())
            terms |= {f"{name}_loss": losses[-1].detach(), f"{name}_accuracy": right}
        for name, assignment in self.teachers.items():
            terms |= assignment.terms(name)  # type: ignore[operator]
        return torch.stack(losses).sum(), terms

    def renew(self, found: Mapping[str, Found]) -> None:
        """A round begins: new clusters of the features that each clustering is made of, and new heads."""
        for name, teacher in self.teachers.items():
            teacher.find(found[name])  # type: ignore[operator]
        for number, (name, (_, taught_by)) in enumerate(self.pairs.items()):
            rounds = int(self.teachers[taught_by].rounds)  # type: ignore[arg-type]
            self.heads[name].renew(rounds * len(self.pairs) + number)  # type: ignore[operator]

    def predict(self, objective: Objective, batch: Batch) -> dict[str, Tensor]:
        """`[B, K]` probabilities of clusters by each head whose modality the batch has; NaN for clips without it."""
        shares: dict[str, Tensor] = {}
        for name, (pupil, _) in self.pairs.items():
            if pupil in batch.modalities:
                logits = self.heads[name](pooled(objective, batch, pupil)).float()
                shares[name] = logits.softmax(1).masked_fill(~batch.valid(pupil).unsqueeze(1), math.nan)
        return shares
