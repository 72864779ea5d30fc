"""Recordings in clusters: those that a clustering model has learnt, or k-means of what any model embeds."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from mmssl.applications.entries import absolute
from mmssl.applications.model import Model
from mmssl.applications.moments import Hit, IndexedRecording
from mmssl.applications.sheet import contact_sheet
from mmssl.batch import Batch, Modality
from mmssl.data.clips import OpenClips
from mmssl.data.skipped import Skipped
from mmssl.errors import EvaluationError, UsageError
from mmssl.evaluate.clusters import Clustered, Clusters, TellsClusters
from mmssl.evaluate.held_out import Gatherer, Progress, Watch, asked_for, look, middle
from mmssl.evaluate.vectors import VectorGatherer
from mmssl.modules.assignment import k_means, whitened


@dataclass(frozen=True)
class KMeans:
    """Clusters to look for, by k-means of embeddings of length 1, which are compared as in search.

    Attributes:
        clusters: K.
        dims: above 0, what PCA leaves of the embeddings at most, each made equally large, as DeepCluster does with the
            features of a million pictures. Of a few hundred recordings, most of those directions are noise.
        seed: of the first centers.
    """

    clusters: int
    dims: int = 0
    seed: int = 0


class _Starts:
    """Where each clip begins, seconds."""

    def __init__(self) -> None:
        self.parts: list[Tensor] = []

    def add(self, batch: Batch) -> None:
        self.parts.append(batch.start.cpu())


@torch.no_grad()
def cluster(
    model: Model,
    source: str,
    search: KMeans | None = None,
    modalities: Sequence[Modality] | None = None,
    *,
    limit: int = 0,
    batch_size: int = 32,
    workers: int = 0,
    watch: Watch | None = None,
) -> tuple[Clustered, Skipped]:
    """The cluster of the middle of each recording, and the ledger of those that cannot be read.

    Args:
        model: any.
        source: recordings.
        search: k-means of each modality's embeddings; None takes the clusters that the model has learnt.
        modalities: whose embeddings; None takes all that the model and some recording have.
        limit: recordings at most; 0 takes all.
        batch_size: clips at once.
        workers: processes that decode.
        watch: called with the share of the recordings that were looked at, 0 to 1; not for what a model has learnt.

    Raises:
        UsageError: the model has learnt no clusters, or lacks a modality.
        EvaluationError: nothing could be read.
    """
    clips, skipped = replace(model.run.data, source=source), Skipped(limit=1.0)
    if search is None:
        if not isinstance(model.objective, TellsClusters):
            raise UsageError(f"{type(model.objective).__name__} has learnt no clusters; say how many, by --clusters")
        evaluation = Clusters(clips=clips, limit=limit, batch_size=batch_size, workers=workers)
        return evaluation.clustered(model.objective, skipped), skipped
    model.require(*modalities or ())
    opened = middle(clips.only(*modalities) if modalities else clips)  # others may be lacking
    vectors, starts = VectorGatherer(model.objective, opened, languages=()), _Starts()
    asked = asked_for(opened, limit)
    gatherers: list[Gatherer] = [vectors, starts, *([] if watch is None else [Progress(watch, asked)])]
    look(gatherers, model.objective, opened, batch_size, limit=limit, workers=workers, skipped=skipped)
    held = vectors.held(asked)
    chosen: dict[str, Tensor] = {}
    scores: dict[str, Tensor] = {}
    for modality in modalities or [m for m in model.modalities if m in held.vectors and held.vectors[m].valid.any()]:
        rows = held.vectors[modality]
        chosen[modality], scores[modality] = _found(modality, rows.embeddings, rows.valid, search)
    return Clustered(chosen, scores, held.keys, held.labels, held.index, torch.cat(starts.parts)), skipped


def _found(modality: Modality, embeddings: Tensor, valid: Tensor, search: KMeans) -> tuple[Tensor, Tensor]:
    """`[N]` clusters, -1 for what is not valid, and `[N]` about the cosine to the cluster's center."""
    if not valid.any():
        raise EvaluationError(f"no recording has {modality} to be clustered; look at `mmssl probe`")
    rows = embeddings[valid]
    points = whitened(rows, search.dims) if search.dims else functional.normalize(rows.float(), dim=1)
    labels, distances = k_means(points, search.clusters, search.seed)
    chosen, scores = torch.full((len(valid),), -1), torch.zeros(len(valid))
    chosen[valid], scores[valid] = labels, 1 - distances / 2
    return chosen, scores


def table(found: Clustered, source: str) -> list[dict[str, object]]:
    """A row for each recording: key, label, and cluster with score of each clustering, None where it has none."""
    rows: list[dict[str, object]] = []
    for number, (key, label) in enumerate(zip(found.keys, found.labels, strict=True)):
        row: dict[str, object] = {"source": source, "key": key, "label": label}
        for name, chosen in found.chosen.items():
            there = int(chosen[number]) >= 0
            row[name] = int(chosen[number]) if there else None
            row[f"{name}_score"] = round(float(found.scores[name][number]), 5) if there else None
        rows.append(row)
    return rows


def save_sheets(model: Model, source: str, found: Clustered, folder: Path, count: int = 12) -> list[Path]:
    """For each cluster `FOLDER/NAME-NUMBER.png`, the `count` recordings that are clearest in it, clearest first."""
    opened, paths = middle(replace(model.run.data, source=source)), list[Path]()
    for name, chosen in found.chosen.items():
        for number in sorted(set(chosen[chosen >= 0].tolist())):
            rows = (chosen == number).nonzero()[:, 0]
            best = rows[found.scores[name][rows].argsort(descending=True, stable=True)][:count].tolist()
            hits = [_hit(opened, source, found, name, row, model.format.seconds) for row in best]
            labels = sorted({found.labels[row] for row in rows.tolist() if found.labels[row]})
            told = f"{name} {number}: {len(rows)} recordings" + (f" of {', '.join(labels[:8])}" if labels else "")
            paths.append(folder / f"{name}-{number:04d}.png")
            contact_sheet(hits, told, paths[-1], model.reader)
    return paths


def _hit(opened: OpenClips, source: str, found: Clustered, name: str, row: int, seconds: float) -> Hit:
    number, start = int(found.index[row]), float(found.start[row])
    media = opened.recordings.source(number)
    if not isinstance(media, str):
        media.close()
    known = IndexedRecording(
        key=found.keys[row],
        source=absolute(source),
        member=found.keys[row],
        path=str(Path.cwd() / media) if isinstance(media, str) else "",
        fingerprint="",
        label=found.labels[row],
    )
    return Hit(float(found.scores[name][row]), start, start + seconds, known)
