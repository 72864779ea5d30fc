"""The folder and the Qdrant collection keep moments safely and find the same ones."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from qdrant_client import QdrantClient
from torch import Tensor
from torch.nn import functional

from mmssl.applications.local_index import LocalIndex
from mmssl.applications.moments import IndexedRecording, MomentIndex, Moments
from mmssl.applications.nearest import Nearest
from mmssl.applications.qdrant_index import QdrantIndex
from mmssl.applications.search import search
from mmssl.errors import CheckpointError, UsageError

DIM = 16


def unit(*shape: int, seed: int = 0) -> Tensor:
    return functional.normalize(torch.randn(*shape, generator=torch.Generator().manual_seed(seed)), dim=-1)


def entry(key: str, windows: int = 3, seed: int = 0, sound: bool = True) -> tuple[IndexedRecording, Moments]:
    vectors: dict[str, Tensor] = {"video": unit(windows, DIM, seed=seed)}
    if sound:
        vectors["audio"] = unit(windows, DIM, seed=seed + 1000)
    start = [float(window) for window in range(windows)]
    moments = Moments(start, [s + 2 for s in start], vectors)  # type: ignore[arg-type]
    return IndexedRecording(key, f"films/{key}.mp4", f"hash-{seed}", "label", "a caption"), moments


@pytest.fixture(params=["folder", "qdrant"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str | None], MomentIndex]:
    if request.param == "folder":
        return lambda model: LocalIndex(tmp_path / "index", model)
    client = QdrantClient(":memory:")
    return lambda model: QdrantIndex(client, "clips", model)


def test_added_moments_are_found_and_survive_reopening(make: Callable[[str | None], MomentIndex]) -> None:
    index = make("model-1")
    index.add([entry("a", seed=1), entry("b", seed=2)])
    index.add([entry("c", seed=3)])
    again = make(None)
    assert len(again) == 9
    assert again.known() == {"a": "hash-1", "b": "hash-2", "c": "hash-3"}
    best = again.search(unit(3, DIM, seed=2)[1], 4, ["video"])
    assert (best[0].recording.key, best[0].start, best[0].end) == ("b", 1.0, 3.0)
    assert best[0].score == pytest.approx(1, abs=1e-5)
    assert [hit.score for hit in best] == sorted((hit.score for hit in best), reverse=True)


def test_mean_cosine_over_the_modalities_that_are_there(make: Callable[[str | None], MomentIndex]) -> None:
    index = make("m")
    index.add([entry("both", 1, seed=1), entry("silent", 1, seed=2, sound=False)])
    query = unit(DIM, seed=9)
    scores = {hit.recording.key: hit.score for hit in index.search(query, 5, ["video", "audio"])}
    both = (unit(1, DIM, seed=1)[0] @ query + unit(1, DIM, seed=1001)[0] @ query) / 2
    assert scores["both"] == pytest.approx(float(both), abs=1e-5)
    assert scores["silent"] == pytest.approx(float(unit(1, DIM, seed=2)[0] @ query), abs=1e-5)
    assert [hit.recording.key for hit in index.search(query, 5, ["audio"])] == ["both"]


def test_a_recording_of_the_same_key_is_replaced(make: Callable[[str | None], MomentIndex]) -> None:
    index = make("m")
    index.add([entry("a", 3, seed=1)])
    index.add([entry("a", 2, seed=5)])
    assert len(index) == 2
    assert index.known() == {"a": "hash-5"}
    assert index.search(unit(2, DIM, seed=5)[0], 1, ["video"])[0].score == pytest.approx(1, abs=1e-5)


def test_another_model_and_a_missing_index_are_refused(make: Callable[[str | None], MomentIndex]) -> None:
    with pytest.raises(UsageError, match="mmssl index"):
        make(None)
    make("one").add([entry("a")])
    with pytest.raises(UsageError, match="another model"):
        make("two")


def test_overlapping_moments_are_folded_into_the_best(make: Callable[[str | None], MomentIndex]) -> None:
    index = make("m")
    index.add([entry("a", 6, seed=1)])
    hits = search(index, unit(6, DIM, seed=1)[2], 6, ["video"])
    assert hits[0].start == 2.0
    assert all(abs(x.start - y.start) >= 2 for x in hits for y in hits if x is not y)


def test_a_crash_before_the_commit_leaves_the_index_as_it_was(tmp_path: Path) -> None:
    index = LocalIndex(tmp_path, "m")
    index.add([entry("a")])

    recording, moments = entry("b", seed=2)
    broken = Moments(moments.start, moments.end[:-1], moments.vectors)  # stops between the segment and the commit
    with pytest.raises(ValueError, match="shorter"):
        index.add([(recording, broken)])
    assert len(list(tmp_path.glob("segment-*"))) == 2
    again = LocalIndex(tmp_path)
    assert set(again.known()) == {"a"}
    assert len(again.search(unit(DIM), 10, ["video"])) == 3
    again.add([entry("c", seed=3)])
    assert len(list(tmp_path.glob("segment-*"))) == 2, "the stray segment was written over"
    assert again.search(unit(3, DIM, seed=3)[0], 1, ["video"])[0].recording.key == "c"


def test_a_damaged_or_incomplete_index_says_so(tmp_path: Path) -> None:
    index = LocalIndex(tmp_path, "m")
    index.add([entry("a")])
    next(tmp_path.glob("segment-*")).unlink()
    with pytest.raises(CheckpointError, match="segment-000001"):
        LocalIndex(tmp_path).search(unit(DIM), 1, ["video"])
    (tmp_path / "moments.sqlite").write_bytes(b"no database at all, but long enough to be one" * 100)
    with pytest.raises(CheckpointError, match="build it again"):
        LocalIndex(tmp_path)


def test_two_writers_take_turns(tmp_path: Path) -> None:
    one, two = LocalIndex(tmp_path, "m"), LocalIndex(tmp_path, "m")
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda n: (one if n % 2 else two).add([entry(f"k{n}", seed=n)]), range(12)))
    again = LocalIndex(tmp_path)
    assert len(again) == 36
    assert all(again.search(unit(3, DIM, seed=n)[0], 1, ["video"])[0].recording.key == f"k{n}" for n in range(12))


def test_faiss_above_the_limit_with_its_recall_measured(tmp_path: Path) -> None:
    centers = unit(50, DIM, seed=3)
    vectors = functional.normalize(centers.repeat(40, 1) + 0.1 * torch.randn(2000, DIM), dim=1)
    queries = functional.normalize(centers + 0.1 * torch.randn(50, DIM), dim=1)
    nearest = Nearest.over(vectors, queries, tmp_path / "nearest-video", exact_limit=1000)
    assert nearest.engine is not None
    assert nearest.recall > 0.95
    assert nearest.search(vectors[7], 1)[1].tolist() == [7]
    again = Nearest.over(vectors, queries, tmp_path / "nearest-video", exact_limit=1000)
    assert again.recall == nearest.recall
    assert Nearest.over(vectors, queries, tmp_path / "x", exact_limit=2000).engine is None


def test_an_empty_index_answers_nothing(tmp_path: Path) -> None:
    assert LocalIndex(tmp_path, "m").search(unit(DIM), 3, ["video"]) == []
