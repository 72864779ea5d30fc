"""Ways to search: ours, exact ones of other libraries and approximate ones, each with one thread and its defaults."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor

from mmssl.applications.best import Best, Part, Questions
from mmssl.applications.sieve import CHUNK, Sieve
from mmssl.applications.vectors import Vectors

Rows = NDArray[np.int64]
WANTED = 10


@dataclass
class Engine:
    """Built over some vectors.

    Attributes:
        search: `[Q, E]` to rows `[Q, WANTED]`.
        save: writes what it needs beside the vectors, or with them where it holds them.
        looked: how many true products it took so far, where it counts them.
    """

    search: Callable[[Tensor], Rows]
    save: Callable[[Path], None] | None = None
    looked: Callable[[], int] | None = None


Build = Callable[[Tensor], Engine]


def _ours(vectors: Tensor) -> Engine:
    rows = Vectors.of(vectors)
    sample = vectors[torch.linspace(0, len(vectors) - 1, min(16_384, len(vectors))).long()]
    sieve = Sieve.like(sample).resized(len(vectors), rows.parts(CHUNK))
    part, looked = Part(rows, sieve), [0]

    def search(queries: Tensor) -> Rows:
        best = Best(Questions(queries[:, None], torch.zeros(len(queries), 1)), WANTED).over([part])
        looked[0] += best.looked
        return np.stack([rows.numpy() for _, rows in best.sorted()])

    def save(path: Path) -> None:
        save_file({"codes": sieve.codes, "residual": sieve.residual}, path)

    return Engine(search, save, lambda: looked[0])


def _torch(vectors: Tensor) -> Engine:
    def search(queries: Tensor) -> Rows:
        found: Rows = (queries @ vectors.T).topk(WANTED).indices.numpy()
        return found

    return Engine(search)


def _faiss(recipe: str) -> Build:
    def build(vectors: Tensor) -> Engine:
        faiss: Any = importlib.import_module("faiss")
        faiss.omp_set_num_threads(1)
        index = faiss.index_factory(vectors.shape[1], recipe, faiss.METRIC_INNER_PRODUCT)
        index.train(vectors.numpy())
        index.add(vectors.numpy())
        return Engine(
            lambda queries: index.search(queries.numpy(), WANTED)[1],  # type: ignore[no-any-return]
            lambda path: faiss.write_index(index, str(path)),
        )

    return build


def _usearch_exact(kind: str) -> Build:
    def build(vectors: Tensor) -> Engine:
        usearch: Any = importlib.import_module("usearch.index")

        def cast(some: Tensor) -> NDArray[Any]:
            return some.numpy() if kind == "f32" else (some * 127 / some.abs().amax()).round().to(torch.int8).numpy()

        stored = cast(vectors)

        def search(queries: Tensor) -> Rows:
            found = usearch.search(stored, cast(queries), WANTED, usearch.MetricKind.IP, exact=True, threads=1)
            return found.keys.reshape(len(queries), WANTED).astype(np.int64)  # type: ignore[no-any-return]

        return Engine(search)

    return build


def _usearch(vectors: Tensor) -> Engine:
    usearch: Any = importlib.import_module("usearch.index")
    index = usearch.Index(ndim=vectors.shape[1], metric=usearch.MetricKind.IP)
    index.add(np.arange(len(vectors)), vectors.numpy(), threads=1)

    def search(queries: Tensor) -> Rows:
        found = index.search(queries.numpy(), WANTED, threads=1)
        return found.keys.reshape(len(queries), WANTED).astype(np.int64)  # type: ignore[no-any-return]

    return Engine(search, lambda path: index.save(str(path)))


def _hnswlib(vectors: Tensor) -> Engine:
    hnswlib: Any = importlib.import_module("hnswlib")
    index = hnswlib.Index("ip", vectors.shape[1])
    index.init_index(max_elements=len(vectors))
    index.set_num_threads(1)
    index.add_items(vectors.numpy())
    return Engine(
        lambda queries: index.knn_query(queries.numpy(), WANTED, num_threads=1)[0].astype(np.int64),
        lambda path: index.save_index(str(path)),
    )


def exact() -> dict[str, Build]:
    """Those that look at every row, or promise to."""
    found: dict[str, Build] = {"mmssl": _ours, "torch GEMM, top-k": _torch}
    found |= {f"faiss {recipe}": _faiss(recipe) for recipe in ("Flat", "SQ8", "SQfp16")}
    if find_spec("usearch") is not None:
        found |= {f"usearch exact {kind}": _usearch_exact(kind) for kind in ("f32", "i8")}
    return found


def approximate() -> dict[str, Build]:
    """Graphs and inverted lists, at their defaults."""
    found: dict[str, Build] = {"mmssl": _ours, "faiss Flat": _faiss("Flat")}
    found |= {f"faiss {recipe}": _faiss(recipe) for recipe in ("HNSW32", "IVF256,Flat")}
    if find_spec("usearch") is not None:
        found["usearch HNSW"] = _usearch
    if find_spec("hnswlib") is not None:
        found["hnswlib"] = _hnswlib
    return found
