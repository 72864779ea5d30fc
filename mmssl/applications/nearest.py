"""The rows of a matrix nearest to a vector: exact while it is small, faiss above."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor

EXACT_LIMIT = 1_000_000  # rows; below, one product with the matrix is quick enough and never misses
_CHUNK = 65_536  # rows a product, so that nothing of the matrix is copied


@dataclass(frozen=True)
class Nearest:
    """Search by dot product over rows `[n, E]`.

    Attributes:
        vectors: the rows.
        engine: a faiss index over them, or None for an exact search.
    """

    vectors: Tensor
    engine: Any = None

    @classmethod
    def over(cls, vectors: Tensor, names: Tensor, place: Path, exact_limit: int | None = None) -> Self:
        """Exact up to `exact_limit` rows; above, the faiss index at `place`, built or added to when it lacks rows.

        Args:
            vectors: the rows, `[n, E]`.
            names: `[n, 2]` int64, what each row is; rows of one name never change.
            place: where the engine is kept, without extension.
            exact_limit: rows; `EXACT_LIMIT` when None.
        """
        if len(vectors) <= (EXACT_LIMIT if exact_limit is None else exact_limit):
            return cls(vectors)
        engine, done = _kept(names, place)
        if done < len(vectors):
            engine = _built(vectors, engine, done)
            _keep(engine, names, place)
        return cls(vectors, engine)

    def search(self, query: Tensor, count: int) -> tuple[Tensor, Tensor]:
        """`[E]` to the `count` best scores and their rows, best first."""
        if self.engine is None:
            return self.exact(query, count)
        scores, rows = self.engine.search(query.float().cpu().numpy()[None], min(count, len(self.vectors)))
        found = torch.from_numpy(rows[0])
        return torch.from_numpy(scores[0])[found >= 0], found[found >= 0]

    def scores(self, query: Tensor) -> Tensor:
        """`[E]` to the product with every row, `[n]`."""
        wanted = query.to(self.vectors.dtype).cpu()
        parts = [self.vectors[row : row + _CHUNK] @ wanted for row in range(0, len(self.vectors), _CHUNK)]
        return torch.cat(parts) if parts else torch.empty(0)

    def exact(self, query: Tensor, count: int) -> tuple[Tensor, Tensor]:
        """As `search`, by looking at every row."""
        best = self.scores(query).topk(min(count, len(self.vectors)))
        return best.values, best.indices


def _files(place: Path) -> tuple[Path, Path]:
    return place.with_name(f"{place.name}.faiss"), place.with_name(f"{place.name}.json")


def _digest(names: Tensor) -> str:
    from hashlib import sha256

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
    faiss.write_index(engine, str(partial))
    about.unlink(missing_ok=True)  # what it says is not of the engine that comes now
    partial.replace(stored)
    told = about.with_suffix(".writing")
    told.write_text(json.dumps({"rows": len(names), "digest": _digest(names)}), encoding="utf-8")
    told.replace(about)


def _built(vectors: Tensor, engine: Any, done: int) -> Any:
    """HNSW with 32 links: of faiss's own kinds the one that keeps its recall without training, and can be added to."""
    import faiss

    if engine is None:
        engine = faiss.IndexHNSWFlat(vectors.shape[1], 32, faiss.METRIC_INNER_PRODUCT)
        engine.hnsw.efConstruction = 100
    engine.hnsw.efSearch = 128
    for row in range(done, len(vectors), _CHUNK):
        engine.add(vectors[row : row + _CHUNK].float().numpy())
    return engine
