"""Questions to an index: words, a sound, a film or a picture in; ranked moments out."""

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from mmssl.applications.local_index import LocalIndex
from mmssl.applications.moments import Hit, MomentIndex
from mmssl.applications.qdrant_index import QdrantIndex, connect
from mmssl.batch import Modality

_SPARE = 8  # times as many moments are fetched as asked for, since overlapping ones are folded into one


def open_index(place: str, model: str | None = None) -> MomentIndex:
    """The folder, or the Qdrant collection of an `http://` address.

    Raises:
        UsageError: nothing is there, or it is of another model.
    """
    if place.startswith(("http://", "https://")):
        client, collection = connect(place)
        return QdrantIndex(client, collection, model)
    return LocalIndex(Path(place), model)


def search(index: MomentIndex, query: Tensor, count: int, modalities: Sequence[Modality]) -> list[Hit]:
    """The `count` best moments for the unit vector `[E]`; of moments that overlap, only the best is kept.

    Long recordings are indexed in overlapping windows, so one event answers several times.
    """
    kept: list[Hit] = []
    for hit in index.search(query, count * _SPARE, modalities):
        if not any(overlap(hit, better) for better in kept):
            kept.append(hit)
    return kept[:count]


def overlap(a: Hit, b: Hit) -> bool:
    """Whether two moments of one recording share time."""
    return a.recording.key == b.recording.key and a.start < b.end and b.start < a.end
