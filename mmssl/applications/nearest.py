"""The rows of a matrix nearest to a vector: exact while it is small, faiss above, with the recall measured."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor

EXACT_LIMIT = 1_000_000  # rows; below, one product with the matrix is quick enough and never misses
_CHUNK = 65_536  # rows a product, so that nothing of the matrix is copied
_TRIALS = 200  # queries of the recall's measurement


@dataclass(frozen=True)
class Nearest:
    """Search by dot product over rows `[n, E]`.

    Attributes:
        vectors: the rows.
        engine: a faiss index over them, or None for an exact search.
        recall: share of the true ten nearest that the engine finds, measured at building; 1 when exact.
    """

    vectors: Tensor
    engine: Any = None
    recall: float = 1.0

    @classmethod
    def over(cls, vectors: Tensor, queries: Tensor, place: Path, exact_limit: int = EXACT_LIMIT) -> Self:
        """Exact up to `exact_limit` rows; above, the faiss index at `place`, built when it is missing or outgrown.

        Args:
            vectors: the rows, `[n, E]`.
            queries: what the recall is measured with, `[q, E]`: vectors of another modality, since an index that finds
                the neighbors of its own rows can still miss those of a query from the other side of the modality gap.
            place: where the engine is kept, without extension.
            exact_limit: rows.
        """
        if len(vectors) <= exact_limit:
            return cls(vectors)
        import faiss

        stored, about = place.with_suffix(".faiss"), place.with_suffix(".json")
        if stored.is_file() and about.is_file() and json.loads(about.read_text())["rows"] == len(vectors):
            return cls(vectors, faiss.read_index(str(stored)), json.loads(about.read_text())["recall"])
        built = cls(vectors, _build(vectors))
        recall = built.measure(queries)
        partial = stored.with_suffix(".partial")
        faiss.write_index(built.engine, str(partial))
        partial.replace(stored)
        about.write_text(json.dumps({"rows": len(vectors), "recall": recall}))
        return cls(vectors, built.engine, recall)

    def search(self, query: Tensor, count: int) -> tuple[Tensor, Tensor]:
        """`[E]` to the `count` best scores and their rows, best first."""
        if self.engine is None:
            return self.exact(query, count)
        scores, rows = self.engine.search(query.float().cpu().numpy()[None], count)
        found = torch.from_numpy(rows[0])
        return torch.from_numpy(scores[0])[found >= 0], found[found >= 0]

    def exact(self, query: Tensor, count: int) -> tuple[Tensor, Tensor]:
        """The same by looking at every row."""
        if not len(self.vectors):
            return torch.empty(0), torch.empty(0, dtype=torch.int64)
        wanted = query.to(self.vectors.dtype).cpu()
        parts = [self.vectors[row : row + _CHUNK] @ wanted for row in range(0, len(self.vectors), _CHUNK)]
        best = torch.cat(parts).topk(min(count, len(self.vectors)))
        return best.values, best.indices

    def measure(self, queries: Tensor) -> float:
        """Share of the true ten nearest that `search` finds, over at most 200 of the queries `[q, E]`."""
        chosen = queries[torch.linspace(0, len(queries) - 1, min(_TRIALS, len(queries))).long()]
        truth = min(10, len(self.vectors))
        found = [set(self.search(q, truth)[1].tolist()) & set(self.exact(q, truth)[1].tolist()) for q in chosen]
        return sum(map(len, found)) / (truth * len(chosen))


def _build(vectors: Tensor) -> Any:
    """HNSW with 32 links: of faiss's own kinds the one that keeps its recall without training."""
    import faiss

    engine = faiss.IndexHNSWFlat(vectors.shape[1], 32, faiss.METRIC_INNER_PRODUCT)
    engine.hnsw.efConstruction, engine.hnsw.efSearch = 100, 128
    engine.add(vectors.float().numpy())
    return engine
