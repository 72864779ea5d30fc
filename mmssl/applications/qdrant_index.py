"""The same index in a Qdrant server, for archives that outgrow a folder: a point a moment, a vector a modality."""

import warnings
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from mmssl.applications.fusion import Scales, gain
from mmssl.applications.moments import Hit, IndexedRecording, Moments
from mmssl.batch import MODALITIES, Modality
from mmssl.errors import UsageError

_PAGE = 1_000  # points a request
_SPARE = 4  # times as many moments as wanted are asked of each modality before their scores are joined


class QdrantIndex:
    """A `MomentIndex` in a collection; the collection is made at the first `add`.

    Args:
        client: a `qdrant_client.QdrantClient`.
        collection: its name there.
        model: fingerprint of the model; None takes the one that is stored.
        run: folder of the model's run, to be remembered.

    Raises:
        UsageError: the collection was made by another model, or does not exist and no model is given.
    """

    def __init__(self, client: Any, collection: str, model: str | None = None, run: str = "") -> None:
        self._client, self._collection = client, collection
        self._sample: dict[Modality, Tensor] | None = None
        stored, kept_run = self._about()
        if model is None and not stored:
            raise UsageError(f"{collection}: no such collection; make it with: mmssl index RUN DATA --out ADDRESS")
        if model is not None and stored and stored != model:
            was = f" ({kept_run})" if kept_run else ""
            raise UsageError(f"{collection}: made by another model{was}; give that run, or name a new collection")
        self.model, self.run = model or stored, run or kept_run

    def _about(self) -> tuple[str, str]:
        """Model and run of a collection, "" when it is missing or empty."""
        if not self._client.collection_exists(self._collection):
            return "", ""
        points, _ = self._client.scroll(self._collection, limit=1, with_payload=["model", "run"])
        return (points[0].payload["model"], points[0].payload["run"]) if points else ("", "")

    def __len__(self) -> int:
        exists = self._client.collection_exists(self._collection)
        return int(self._client.count(self._collection).count) if exists else 0

    def _payloads(self, fields: Sequence[str], condition: Any = None) -> Iterator[dict[str, Any]]:
        offset = None
        while self._client.collection_exists(self._collection):
            points, offset = self._client.scroll(
                self._collection, scroll_filter=condition, limit=_PAGE, offset=offset, with_payload=list(fields)
            )
            yield from (point.payload for point in points)
            if offset is None:
                break

    def known(self) -> Mapping[str, str]:
        """Key to fingerprint of each recording that is in with all its windows."""
        found: dict[str, tuple[str, int]] = {}
        counts: Counter[str] = Counter()
        for payload in self._payloads(["key", "fingerprint", "windows"]):
            found[payload["key"]] = payload["fingerprint"], payload["windows"]
            counts[payload["key"]] += 1
        return {key: fingerprint for key, (fingerprint, windows) in found.items() if counts[key] == windows}

    def members_of(self, source: str) -> Mapping[str, str]:
        """Keys of the recordings that came from a source, and how it calls them."""
        found = self._payloads(["key", "member"], _where("source", source))
        return {payload["key"]: payload["member"] for payload in found}

    def add(self, entries: Sequence[tuple[IndexedRecording, Moments]]) -> None:
        """A server has no transactions: after a crash a recording lacks windows, is not `known`, and is added again."""
        if not entries:
            return
        if not self._client.collection_exists(self._collection):
            self._create(next(vectors.shape[1] for _, part in entries for vectors in part.vectors.values()))
        self.remove([recording.key for recording, _ in entries])
        points = [point for recording, moments in entries for point in self._points(recording, moments)]
        for first in range(0, len(points), _PAGE):
            self._client.upsert(self._collection, points[first : first + _PAGE], wait=True)

    def remove(self, keys: Collection[str]) -> None:
        """Recordings with their moments."""
        from qdrant_client import models

        self._sample = None
        for key in keys:
            self._client.delete(self._collection, models.FilterSelector(filter=_where("key", key)))

    def _create(self, dim: int) -> None:
        from qdrant_client import models

        params = models.VectorParams(size=dim, distance=models.Distance.COSINE)
        self._client.create_collection(self._collection, vectors_config=dict.fromkeys(MODALITIES, params))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a client without a server has no such indexes and says so
            for field in ("key", "source"):
                self._client.create_payload_index(self._collection, field, models.PayloadSchemaType.KEYWORD)

    def _points(self, recording: IndexedRecording, moments: Moments) -> list[Any]:
        import uuid

        from qdrant_client import models

        windows = len(moments.start)
        told = {**vars(recording), "model": self.model, "run": self.run, "windows": windows}
        captions = moments.captions or [""] * windows
        return [
            models.PointStruct(
                id=str(uuid.uuid5(uuid.NAMESPACE_URL, f"{recording.key}#{row}")),
                vector={m: v[row].tolist() for m, v in moments.vectors.items() if not v[row, 0].isnan()},
                payload={**told, "start": moments.start[row], "end": moments.end[row], "moment": captions[row]},
            )
            for row in range(windows)
        ]

    def search(
        self, query: Tensor, count: int, modalities: Sequence[Modality], asked: Modality | None = None
    ) -> list[Hit]:
        """Candidates by each modality, then one score over the modalities that a candidate has."""
        wanted = tuple(modalities)
        found = {
            point.id: point
            for modality in (wanted if len(self) else ())
            for point in self._client.query_points(
                self._collection, query.tolist(), using=modality, limit=_SPARE * count, with_vectors=list(wanted)
            ).points
        }
        if not found:
            return []
        vector = query.float().cpu()
        cosines = _vectors(list(found.values()), wanted, len(vector)) @ vector
        scores = self._scales(vector, wanted, asked).fused(cosines).tolist()
        hits = [_hit(point, score) for point, score in zip(found.values(), scores, strict=True)]
        return sorted(hits, key=lambda hit: -hit.score)[:count]

    def _scales(self, query: Tensor, wanted: tuple[Modality, ...], asked: Modality | None) -> Scales:
        if self._sample is None:
            # Points come in the order of their names, which are hashes: the first are a random sample.
            points, _ = self._client.scroll(self._collection, limit=_PAGE, with_vectors=True)
            self._sample = dict(zip(MODALITIES, _vectors(points, MODALITIES, len(query)), strict=True))
        rows = [self._sample[modality] for modality in wanted]
        cosines = torch.stack([vectors @ query for vectors in rows])
        if asked is None or len(wanted) == 1:
            return Scales.of(cosines)
        own = self._sample[asked]
        gains = [gain(own, vectors, same=m == asked) for m, vectors in zip(wanted, rows, strict=True)]
        return Scales.of(cosines, torch.stack(gains))

    def recalls(self) -> Mapping[str, float]:
        """Nothing is known: the server holds what would be needed to measure it."""
        return {}


def _where(field: str, value: str) -> Any:
    from qdrant_client import models

    return models.Filter(must=[models.FieldCondition(key=field, match=models.MatchValue(value=value))])


def _vectors(points: Sequence[Any], modalities: Sequence[Modality], dim: int) -> Tensor:
    """`[M, n, E]`, NaN where a point lacks a modality."""
    lacking = [float("nan")] * dim
    rows = [[(point.vector or {}).get(modality, lacking) for point in points] for modality in modalities]
    return torch.tensor(rows, dtype=torch.float32).reshape(len(modalities), len(points), dim)


def _hit(point: Any, score: float) -> Hit:
    fields = {name: point.payload[name] for name in IndexedRecording.__dataclass_fields__}
    recording = IndexedRecording(**fields)
    return Hit(
        score, point.payload["start"], point.payload["end"], recording, point.payload["moment"] or recording.caption
    )
