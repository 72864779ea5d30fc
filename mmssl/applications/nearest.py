"""An approximate index of faiss over the vectors of one modality, for archives that are too large to scan."""

import json
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor

from mmssl.applications.vectors import Vectors
from mmssl.data.atomic import write_atomically
from mmssl.errors import MmsslError

_CHUNK = 65_536  # rows that are added at once


@dataclass(frozen=True)
class Nearest:
    """Search by dot product.

    Attributes:
        engine: of faiss.
        moments: `[p]`, of its rows.
    """

    engine: Any
    moments: Tensor

    @classmethod
    def kept(cls, vectors: Vectors, names: Tensor, place: Path) -> Self | None:
        """The one at `place`, None when it is not of all these vectors.

        Args:
            vectors: of n moments.
            names: `[n, 2]` int64, what each moment is; vectors of one name never change.
            place: where it is kept, without extension.
        """
        moments = vectors.there.nonzero()[:, 0]
        engine, done = _kept(names[moments], place)
        return cls(engine, moments) if engine is not None and done == len(moments) else None

    @classmethod
    def built(cls, vectors: Vectors, names: Tensor, place: Path) -> Self:
        """As `kept`, built or added to when it is missing or lacks rows."""
        moments = vectors.there.nonzero()[:, 0]
        engine, done = _kept(names[moments], place)
        if done < len(moments):
            engine = _added(vectors, moments[done:], engine)
            _keep(engine, names[moments], place)
        return cls(engine, moments)

    def search(self, query: Tensor, count: int) -> Tensor:
        """`[E]` to at most `count` moments, the best first."""
        _, rows = self.engine.search(query.float().cpu().numpy()[None], min(count, len(self.moments)))
        found = torch.from_numpy(rows[0])
        return self.moments[found[found >= 0]]


def _files(place: Path) -> tuple[Path, Path]:
    return place.with_name(f"{place.name}.faiss"), place.with_name(f"{place.name}.json")


def _digest(names: Tensor) -> str:
    return sha256(names.contiguous().numpy().tobytes()).hexdigest()


def _kept(names: Tensor, place: Path) -> tuple[Any, int]:
    """The engine that is there and how many of the rows it holds, from the first on; None and 0 if of other rows."""
    stored, about = _files(place)
    if not (stored.is_file() and about.is_file()):
        return None, 0
    import faiss

    told = json.loads(about.read_text(encoding="utf-8"))
    if told["rows"] > len(names) or told["digest"] != _digest(names[: told["rows"]]):
        return None, 0
    engine = faiss.read_index(str(stored))
    # A crash between the two files leaves them apart.
    return (engine, told["rows"]) if engine.ntotal == told["rows"] else (None, 0)


def _keep(engine: Any, names: Tensor, place: Path) -> None:
    import faiss

    stored, about = _files(place)
    partial = stored.with_suffix(".partial")
    try:
        faiss.write_index(engine, str(partial))
        about.unlink(missing_ok=True)  # what it says is not of the engine that comes now
        partial.replace(stored)
        write_atomically(about, json.dumps({"rows": len(names), "digest": _digest(names)}))
    except (RuntimeError, OSError) as error:  # faiss raises the first
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        reason = " ".join(str(error).split())[-200:]
        raise MmsslError(
            f"{stored}: cannot be written ({reason}); the index is whole and searched exactly, make room and give the "
            "same command again"
        ) from error


def _added(vectors: Vectors, moments: Tensor, engine: Any) -> Any:
    """HNSW with 32 links: of faiss's own kinds the one that keeps its recall without training, and can be added to."""
    import faiss

    if engine is None:
        engine = faiss.IndexHNSWFlat(vectors.dim, 32, faiss.METRIC_INNER_PRODUCT)
        engine.hnsw.efConstruction = 100
    engine.hnsw.efSearch = 128
    for some in torch.split(moments, _CHUNK):
        engine.add(vectors.take(some).numpy())
    return engine
