"""The same index in a Qdrant server, for archives that outgrow a folder: a point a moment, a vector a modality."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import torch
from torch import Tensor

from mmssl.applications.moments import Hit, IndexedRecording, Moments
from mmssl.batch import MODALITIES, Modality
from mmssl.errors import UsageError

_PAGE = 1_000  # points a request


def connect(address: str) -> tuple[Any, str]:
    """A client and the collection's name for `http://host:6333/collection`.

    Raises:
        UsageError: the address names no collection, or qdrant-client is not installed.
    """
    try:
        from qdrant_client import QdrantClient
    except ImportError as error:
        raise UsageError("a Qdrant address needs its client: pip install 'mmssl[qdrant]'") from error
    parts = urlsplit(address)
    collection = parts.path.strip("/")
    if not collection:
        raise UsageError(f"{address}: name the collection too, as in http://localhost:6333/clips")
    return QdrantClient(url=f"{parts.scheme}://{parts.netloc}"), collection


class QdrantIndex:
    """A `MomentIndex` in a collection; the collection is made at the first `add`.

    Args:
        client: a `qdrant_client.QdrantClient`.
        collection: its name there.
        model: fingerprint of the model; None takes the one that is stored.

    Raises:
        UsageError: the collection was made by another model, or does not exist and no model is given.
    """

    def __init__(self, client: Any, collection: str, model: str | None = None) -> None:
        self._client, self._collection = client, collection
        stored = self._about()
        if model is None and stored is None:
            raise UsageError(f"{collection}: no such collection; make it with: mmssl index RUN DATA --out ADDRESS")
        if model is not None and stored is not None and stored != model:
            raise UsageError(f"{collection}: made by another model; name a new collection, or the run it is of")
        self.model = str(model or stored)

    def _about(self) -> str | None:
        if not self._client.collection_exists(self._collection):
            return None
        points, _ = self._client.scroll(self._collection, limit=1, with_payload=["model"])
        return points[0].payload["model"] if points else None

    def __len__(self) -> int:
        exists = self._client.collection_exists(self._collection)
        return int(self._client.count(self._collection).count) if exists else 0

    def known(self) -> Mapping[str, str]:
        """Key to fingerprint of each recording that is in."""
        found: dict[str, str] = {}
        offset = None
        while len(self):
            points, offset = self._client.scroll(
                self._collection, limit=_PAGE, offset=offset, with_payload=["key", "fingerprint"]
            )
            found |= {point.payload["key"]: point.payload["fingerprint"] for point in points}
            if offset is None:
                break
        return found

    def add(self, entries: Sequence[tuple[IndexedRecording, Moments]]) -> None:
        """Points are named by recording and window, so an add that was cut off is completed by repeating it."""
        from qdrant_client import models

        if not entries:
            return
        if not self._client.collection_exists(self._collection):
            dim = next(vectors.shape[1] for _, part in entries for vectors in part.vectors.values())
            params = models.VectorParams(size=dim, distance=models.Distance.COSINE)
            self._client.create_collection(self._collection, vectors_config=dict.fromkeys(MODALITIES, params))
        for recording, _ in entries:
            same = models.FieldCondition(key="key", match=models.MatchValue(value=recording.key))
            self._client.delete(self._collection, models.FilterSelector(filter=models.Filter(must=[same])))
        points = [point for recording, moments in entries for point in self._points(recording, moments)]
        for first in range(0, len(points), _PAGE):
            self._client.upsert(self._collection, points[first : first + _PAGE], wait=True)

    def _points(self, recording: IndexedRecording, moments: Moments) -> list[Any]:
        import uuid

        from qdrant_client import models

        return [
            models.PointStruct(
                id=str(uuid.uuid5(uuid.NAMESPACE_URL, f"{recording.key}#{row}")),
                vector={name: vectors[row].tolist() for name, vectors in moments.vectors.items()},
                payload={**vars(recording), "start": start, "end": end, "model": self.model},
            )
            for row, (start, end) in enumerate(zip(moments.start, moments.end, strict=True))
        ]

    def search(self, query: Tensor, count: int, modalities: Sequence[Modality]) -> list[Hit]:
        """Candidates by each modality, then the mean cosine over the modalities that a candidate has."""
        candidates = {
            point.id: point
            for modality in modalities
            for point in self._client.query_points(
                self._collection, query.tolist(), using=modality, limit=2 * count, with_vectors=True
            ).points
        }
        hits = [self._hit(point, query, modalities) for point in candidates.values()]
        return sorted(hits, key=lambda hit: -hit.score)[:count]

    def _hit(self, point: Any, query: Tensor, modalities: Sequence[Modality]) -> Hit:
        present = [torch.tensor(point.vector[m]) for m in modalities if m in point.vector]
        score = float(torch.stack(present).mean(0) @ query.cpu())
        fields = {name: point.payload[name] for name in ("key", "path", "fingerprint", "label", "caption")}
        return Hit(score, point.payload["start"], point.payload["end"], IndexedRecording(**fields))
