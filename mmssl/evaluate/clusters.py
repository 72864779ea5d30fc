"""Clusters of held-out recordings beside their labels.

Names of the numbers: `clusters/NAME/METRIC`, NAME being a head of the objective such as `video_from_audio`: `NMI`,
`ARI` and `purity` over the recordings that have a label, each with what the same clusters give when the labels are
dealt out at random as `/chance`, and `labeled`, how many those are; `used`, the clusters that are not empty, `even`,
how many of equal size would have their entropy, and `recordings`, how many are in them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from mmssl.batch import Batch
from mmssl.data.clips import Clips, OpenClips
from mmssl.data.skipped import Skipped
from mmssl.errors import EvaluationError
from mmssl.evaluate.further import Further
from mmssl.evaluate.held_out import asked_for, look, middle
from mmssl.modules.partitions import adjusted_rand, entropy, nmi, overlap, purity
from mmssl.objective import Objective

_METRICS = {"NMI": nmi, "ARI": adjusted_rand, "purity": purity}
_DEALT = 20  # times that the labels are dealt out at random


@runtime_checkable
class TellsClusters(Protocol):
    """What an objective can that has learnt clusters."""

    def clusters(self, batch: Batch) -> Mapping[str, Tensor]:
        """`[B, K]` probabilities of K clusters by the name of the head; NaN for clips that lack what it reads."""
        ...


@dataclass(frozen=True)
class Clustered:
    """N recordings in clusters.

    Attributes:
        chosen: `[N]` int64 cluster of each, -1 where it has none, by the name of the clustering.
        scores: `[N]` how clear each is, higher is clearer, by the same names.
        keys: of the recordings.
        labels: of the recordings, "" where there is none.
        index: `[N]` int64, their numbers.
        start: `[N]` float64, seconds at which the clip that was looked at begins.
    """

    chosen: Mapping[str, Tensor]
    scores: Mapping[str, Tensor]
    keys: Sequence[str]
    labels: Sequence[str]
    index: Tensor
    start: Tensor

    def numbers(self, prefix: str = "clusters") -> Mapping[str, float]:
        """As the head of this file says."""
        told = [number for number, label in enumerate(self.labels) if label]
        kinds: dict[str, int] = {}
        kind = torch.tensor([kinds.setdefault(self.labels[number], len(kinds)) for number in told], dtype=torch.int64)
        numbers: dict[str, float] = {}
        for name, chosen in self.chosen.items():
            sizes = torch.bincount(chosen[chosen >= 0])
            rows = chosen[told]
            found = {
                "recordings": float(sizes.sum()),
                "used": float((sizes > 0).sum()),
                "even": _even(sizes),
                **against(rows[rows >= 0], kind[rows >= 0]),
            }
            numbers |= {f"{prefix}/{name}/{key}": value for key, value in found.items()}
        return numbers


def _even(sizes: Tensor) -> float:
    return float(entropy(sizes).exp()) if sizes.sum() else 0.0


def against(clusters: Tensor, labels: Tensor, seed: int = 0) -> Mapping[str, float]:
    """N, NMI, ARI and purity of `[N]` clusters and `[N]` labels, with chance: the mean over labels dealt out anew.

    Nothing where there are no labels.
    """
    if not len(labels):
        return {}
    generator = torch.Generator().manual_seed(seed)
    parts = overlap(clusters, labels)
    dealt = [overlap(clusters, labels[torch.randperm(len(labels), generator=generator)]) for _ in range(_DEALT)]
    numbers = {"labeled": float(len(labels))}
    for name, metric in _METRICS.items():
        numbers |= {name: metric(parts), f"{name}/chance": sum(metric(other) for other in dealt) / _DEALT}
    return numbers


class ClusterGatherer:
    """What an objective's heads say of each batch.

    Args:
        objective: in eval mode.
        opened: the recordings.
    """

    def __init__(self, objective: TellsClusters, opened: OpenClips) -> None:
        self._objective, self._opened = objective, opened
        self._best: dict[str, list[tuple[Tensor, Tensor]]] = {}
        self._index: list[Tensor] = []
        self._start: list[Tensor] = []

    def add(self, batch: Batch) -> None:
        """Ask the heads."""
        for name, shares in self._objective.clusters(batch).items():
            score, chosen = shares.max(1)
            missing = score.isnan()
            found = chosen.masked_fill(missing, -1).cpu(), score.masked_fill(missing, 0).cpu()
            self._best.setdefault(name, []).append(found)
        self._index.append(batch.index.cpu())
        self._start.append(batch.start.cpu())

    def clustered(self, asked: int) -> Clustered:
        """All that was seen.

        Args:
            asked: recordings that were looked at.

        Raises:
            EvaluationError: no recording could be read.
        """
        if not self._index:
            raise EvaluationError(f"none of the {asked} recordings could be read; look at `mmssl probe`")
        index = torch.cat(self._index)
        recordings = [self._opened.recordings[number] for number in index.tolist()]
        return Clustered(
            {name: torch.cat([chosen for chosen, _ in parts]) for name, parts in self._best.items()},
            {name: torch.cat([score for _, score in parts]) for name, parts in self._best.items()},
            [recording.key for recording in recordings],
            [recording.label for recording in recordings],
            index,
            torch.cat(self._start),
        )


@dataclass(frozen=True, kw_only=True)
class Clusters:
    """The clusters that an objective's heads choose for the middle of each held-out recording.

    Attributes:
        clips: the data.
        limit: recordings at most, in their order; 0 takes all.
        batch_size: clips at once.
        workers: processes that decode.
    """

    clips: Clips
    limit: int = 0
    batch_size: int = 32
    workers: int = 0

    def __call__(self, objective: Objective) -> Mapping[str, float]:
        """The numbers.

        Raises:
            EvaluationError: nothing could be read.
        """
        return self.clustered(objective).numbers()

    @torch.no_grad()
    def clustered(self, objective: Objective, skipped: Skipped | None = None) -> Clustered:
        """The clusters themselves; the ledger gets what cannot be read."""
        assert isinstance(objective, TellsClusters)
        opened = middle(self.clips)
        gatherer = ClusterGatherer(objective, opened)
        look([gatherer], objective, opened, self.batch_size, limit=self.limit, workers=self.workers, skipped=skipped)
        return gatherer.clustered(asked_for(opened, self.limit))


FURTHER = Further("clusters", lambda objective: isinstance(objective, TellsClusters), Clusters)
