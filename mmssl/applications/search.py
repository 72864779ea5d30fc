"""Questions to an index: a vector in, ranked moments out."""

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from mmssl.applications.joined_index import JoinedIndex
from mmssl.applications.local_index import DATABASE, LocalIndex
from mmssl.applications.moments import Hit, MomentIndex, SearchableIndex
from mmssl.applications.qdrant_index import QdrantIndex
from mmssl.applications.qdrant_server import connect
from mmssl.applications.sharded_index import SHARDS, ShardedIndex, folders, process
from mmssl.batch import MODALITIES, Modality
from mmssl.errors import EvaluationError, UsageError

_SPARE = 8  # times as many moments are fetched as asked for, since overlapping ones are folded into one


def open_index(place: str, model: str | None = None) -> MomentIndex:
    """What `mmssl index` made: a folder, one with such folders in it, or the Qdrant collection of an `http://` address.

    Args:
        place: either.
        model: fingerprint that it must be of; None takes any.

    Raises:
        UsageError: nothing is there, or it is of another model.
    """
    index = _opened(place, None, "")
    _demand(index, place, model)
    return index


def open_indexes(places: Sequence[str], model: str | None = None) -> SearchableIndex:
    """As `open_index`; several are searched as if they were one.

    Args:
        places: folders, or one address.
        model: fingerprint that they must be of; None takes any.

    Raises:
        UsageError: nothing is there, they are of several models or of another, or of several one is an address.
    """
    if not places:
        raise UsageError("the list of indexes is empty; name at least one")
    if len(places) == 1:
        return open_index(places[0], model)
    if address := next(filter(_is_address, places), None):
        raise UsageError(f"{address}: a collection of a server is searched alone; put everything into one collection")
    there = [folder for place in places for folder in folders(Path(place)) or [Path(place)]]
    unique = {folder.resolve(): folder for folder in there}  # one that is named twice counts once
    index = JoinedIndex({folder: LocalIndex(folder) for folder in unique.values()})
    _demand(index, ", ".join(places), model)
    return index


def is_index(place: str) -> bool:
    """Whether this names an index, rather than being words to search for."""
    try:
        return _is_address(place) or (Path(place) / DATABASE).is_file() or bool(folders(Path(place)))
    except OSError:  # words may be longer than a name
        return False


def _is_address(place: str) -> bool:
    return place.startswith(("http://", "https://"))


def _demand(index: SearchableIndex, place: str, model: str | None) -> None:
    if model is not None and index.model != model:
        was = f" ({index.run})" if index.run else ""
        raise UsageError(f"{place}: made by another model{was}, whose vectors do not compare; give that run")


def make_index(place: str, model: str, run: str = "") -> MomentIndex:
    """As `open_index`, but one that is missing is made.

    Args:
        place: folder or address.
        model: fingerprint.
        run: folder of that model's run, remembered by the index.

    Raises:
        UsageError: it is of another model.
    """
    return _opened(place, model, run)


def _opened(place: str, model: str | None, run: str) -> MomentIndex:
    if _is_address(place):
        client, collection = connect(place)
        return QdrantIndex(client, collection, model, run)
    folder = Path(place)
    if model is None and folders(folder):
        return ShardedIndex(folder)
    if model is not None and (folders(folder, SHARDS) or process()[1] > 1):
        return ShardedIndex(folder, model, run)
    return LocalIndex(folder, model, run)


def search(
    index: SearchableIndex, query: Tensor, count: int, modalities: Sequence[Modality], asked: Modality | None = None
) -> list[Hit]:
    """The `count` best moments for the unit vector `[E]`; of moments that overlap, only the best is kept.

    Long recordings are indexed in overlapping windows, so one event answers several times. One long recording can
    fill all that was fetched, so more is fetched until there is enough or no more.

    Args:
        index: where.
        query: `[E]`.
        count: moments at most.
        modalities: to compare with.
        asked: the modality that the query is of (a picture is video); without it all modalities count alike.

    Raises:
        UsageError: count is below 1, no modality or one that does not exist was named, or the query is no vector of the
            index's dimension.
        EvaluationError: the query is not finite.
    """
    if count < 1 or not modalities:
        raise UsageError(f"search for at least one moment in at least one modality, not {count} in {list(modalities)}")
    if unknown := {*modalities, *([] if asked is None else [asked])}.difference(MODALITIES):
        raise UsageError(f"there is no modality {', '.join(sorted(unknown))}; search in {', '.join(MODALITIES)}")
    if query.ndim != 1 or not query.isfinite().all():
        raise EvaluationError("the vector of the question is not finite; the model, or what was asked, is broken")
    fetch = count * _SPARE
    while True:
        hits = index.search(query, fetch, modalities, asked)
        kept = _folded(hits)
        if len(kept) >= count or len(hits) < fetch:
            return kept[:count]
        fetch *= _SPARE


def _folded(hits: Sequence[Hit]) -> list[Hit]:
    """Without those that overlap a better one."""
    kept: dict[str, list[Hit]] = {}
    for hit in hits:
        others = kept.setdefault(hit.recording.name, [])
        if not any(overlap(hit, better) for better in others):
            others.append(hit)
    return sorted((hit for others in kept.values() for hit in others), key=lambda hit: -hit.score)


def overlap(a: Hit, b: Hit) -> bool:
    """Whether two moments of one recording share time."""
    return a.recording.name == b.recording.name and a.start < b.end and b.start < a.end
