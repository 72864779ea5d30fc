"""Recordings to clusters, which become their labels until the next round.

Caron, Bojanowski, Joulin and Douze 2018, "Deep Clustering for Unsupervised Learning of Visual Features" (DeepCluster),
section 4.1: features reduced by PCA to 256 dimensions, whitened, brought to length 1, then k-means with another seed
each round; a cluster that becomes empty takes half of a large one (Johnson, Douze and Jégou 2019, faiss).
"""

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from mmssl.batch import Batch
from mmssl.distributed import of_first, rank
from mmssl.errors import TrainingError
from mmssl.modules.partitions import entropy, nmi, overlap
from mmssl.objective import Objective

_ITERATIONS = 20
_LEAST = 1e-6  # variance of a direction, relative to the largest, below which it is rounding

Found = tuple[Tensor, Tensor]  # `[n]` numbers of recordings, ascending, and `[n, D]` features, both on the CPU


def whitened(features: Tensor, dims: int) -> Tensor:
    """`[N, D]` to unit rows `[N, P]` of the P directions of largest variance, at most `dims`, each made equally large.

    Directions without variance are left out, so P may be smaller.
    """
    centered = features.float() - features.float().mean(0)
    variances, directions = torch.linalg.eigh((centered.T @ centered).double() / len(centered))
    kept = variances[-dims:] > variances[-1] * _LEAST
    scaled = directions[:, -dims:][:, kept] / variances[-dims:][kept].sqrt()
    return functional.normalize(centered @ scaled.float(), dim=-1)


def k_means(rows: Tensor, clusters: int, seed: int) -> tuple[Tensor, Tensor]:
    """`[N, P]` to each row's cluster `[N]` int64 and its squared distance `[N]` to the cluster's center.

    With fewer rows than clusters each row is one; rows without any dimension, which are all alike, are one together.
    """
    if len(rows) <= clusters or not rows.shape[1]:
        return torch.arange(len(rows)) * bool(rows.shape[1]), torch.zeros(len(rows))
    import faiss

    points = rows.contiguous().numpy()
    clustering = faiss.Kmeans(
        points.shape[1],
        clusters,
        niter=_ITERATIONS,
        seed=seed,
        min_points_per_centroid=1,
        max_points_per_centroid=len(points),  # faiss looks at 256 a cluster otherwise
    )
    clustering.train(points)
    distances, labels = clustering.index.search(points, 1)
    return _filled(torch.from_numpy(labels[:, 0]), torch.from_numpy(distances[:, 0]), clusters)


def _filled(labels: Tensor, distances: Tensor, clusters: int) -> tuple[Tensor, Tensor]:
    """A cluster that is empty still, as halves of equal rows are, takes the row that is farthest from its center."""
    sizes = torch.bincount(labels, minlength=clusters)
    for empty in (sizes == 0).nonzero()[:, 0].tolist():
        farthest = distances.masked_fill(sizes[labels] < 2, 0).argmax()
        if distances[farthest] > 0 and sizes[labels[farthest]] > 1:
            sizes[labels[farthest]] -= 1
            labels[farthest], distances[farthest] = empty, 0
            sizes[empty] = 1
    return labels, distances


@torch.no_grad()
def of_recordings(objective: Objective, batches: Iterable[Batch]) -> dict[str, Found]:
    """Pooled features of each recording that has a modality, without augmentation; the mean over its windows."""
    training = objective.training
    objective.eval()
    numbers: dict[str, list[Tensor]] = {modality: [] for modality in objective.encoders}
    rows: dict[str, list[Tensor]] = {modality: [] for modality in objective.encoders}
    for batch in batches:
        for modality in rows:
            keep = batch.valid(modality)  # type: ignore[arg-type]
            numbers[modality].append(batch.index[keep].cpu())
            rows[modality].append(pooled(objective, batch, modality)[keep].cpu())
    objective.train(training)
    return {modality: _joined(numbers[modality], rows[modality]) for modality in rows}


def pooled(objective: Objective, batch: Batch, modality: str) -> Tensor:
    """`[B, D]`, in fp32."""
    grid, mask = objective.features(batch, modality)  # type: ignore[arg-type]
    vectors: Tensor = objective.encoders[modality].pool(grid, mask)  # type: ignore[operator]
    return vectors.float()


def _joined(numbers: list[Tensor], rows: list[Tensor]) -> Found:
    every, place, windows = torch.unique(torch.cat(numbers), return_inverse=True, return_counts=True)
    features = torch.cat(rows)
    sums = features.new_zeros(len(every), features.shape[1]).index_add_(0, place, features)
    return every, sums / windows.unsqueeze(1)


class Assignment(nn.Module):
    """The cluster of each recording, by its number; a checkpoint holds it.

    Args:
        clusters: K.
        dims: that PCA leaves, at most.
    """

    labels: Tensor  # [N] int32, -1 where a recording has none; N is 0 before the first round
    sizes: Tensor  # [K] int32, recordings of each cluster
    rounds: Tensor  # int64, how often clusters were found
    stability: Tensor  # NMI of this round's labels with those of the round before; 0 in the first
    even: Tensor  # how many clusters of equal size have the entropy of these; near 1 all recordings are in one

    def __init__(self, clusters: int, dims: int) -> None:
        super().__init__()
        self.clusters, self.dims = clusters, dims
        self.register_buffer("labels", torch.zeros(0, dtype=torch.int32))
        self.register_buffer("sizes", torch.zeros(clusters, dtype=torch.int32))
        self.register_buffer("rounds", torch.zeros((), dtype=torch.int64))
        self.register_buffer("stability", torch.zeros(()))
        self.register_buffer("even", torch.zeros(()))

    def find(self, found: Found) -> None:
        """New clusters from the features of recordings, those that process 0 finds.

        Raises:
            TrainingError: there is no recording, or features are not finite.
        """
        numbers, features = found
        if not len(numbers):
            raise TrainingError("no training recording has what is to be clustered; look at the data with mmssl probe")
        if not features.isfinite().all():
            raise TrainingError("features to be clustered are not finite: take a lower lr")
        before = self.labels
        # Processes round alike only if they are alike, and a slow disk may make one of them leave a recording out.
        self.labels = of_first(self._labels(numbers, features) if rank() == 0 else before)
        known = self.labels >= 0
        self.sizes.copy_(torch.bincount(self.labels[known], minlength=self.clusters))
        length = min(len(before), len(self.labels))
        both = (before[:length] >= 0) & known[:length]
        parts = before[:length][both], self.labels[:length][both]
        self.stability.fill_(nmi(overlap(*parts)) if both.any() else 0.0)
        self.even.fill_(entropy(self.sizes).exp())
        self.rounds += 1

    def _labels(self, numbers: Tensor, features: Tensor) -> Tensor:
        """`[N]`, as the buffer is."""
        labels = torch.full((int(numbers[-1]) + 1,), -1, dtype=torch.int32)
        labels[numbers] = k_means(whitened(features, self.dims), self.clusters, seed=int(self.rounds) + 1)[0].int()
        return labels.to(self.labels.device)

    def forward(self, index: Tensor) -> Tensor:
        """`[B]` numbers of recordings to `[B]` int64 clusters, -1 for those without one."""
        if not len(self.labels):
            return torch.full_like(index, -1)
        known = self.labels[index.clamp(max=len(self.labels) - 1)].long()
        return known.masked_fill(index >= len(self.labels), -1)

    def terms(self, name: str) -> Mapping[str, Tensor]:
        """`NAME_nmi` with the round before, and `NAME_clusters` if all were equally large."""
        return {f"{name}_nmi": self.stability.clone(), f"{name}_clusters": self.even.clone()}

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        # As long as what was saved: how many recordings there are is not known when an objective is built.
        saved = state_dict.get(f"{prefix}labels")
        if saved is not None:
            self.labels = self.labels.new_empty(saved.shape)
        super()._load_from_state_dict(state_dict, prefix, *args)
