"""The folder and the Qdrant collection keep moments safely and find the same ones."""

import itertools
from collections.abc import Callable, Iterator
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
from mmssl.applications.search import make_index, open_index, search
from mmssl.applications.vectors import Vectors
from mmssl.batch import Modality
from mmssl.errors import CheckpointError, UsageError
from tests.applications.qdrant_http import served

DIM = 16


def unit(*shape: int, seed: int = 0) -> Tensor:
    return functional.normalize(torch.randn(*shape, generator=torch.Generator().manual_seed(seed)), dim=-1)


def entry(key: str, windows: int = 3, seed: int = 0, sound: bool = True) -> tuple[IndexedRecording, Moments]:
    vectors: dict[str, Tensor] = {"video": unit(windows, DIM, seed=seed)}
    if sound:
        vectors["audio"] = unit(windows, DIM, seed=seed + 1000)
    start = [float(window) for window in range(windows)]
    moments = Moments(start, [s + 2 for s in start], vectors)  # type: ignore[arg-type]
    path = f"films/{key}.mp4"
    return IndexedRecording(key, "films", key, path, f"hash-{seed}", "label", "a caption"), moments


@pytest.fixture(params=["folder", "folders", "qdrant", "qdrant over http"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[str | None], MomentIndex]]:
    if request.param == "folder":
        yield lambda model: LocalIndex(tmp_path / "index", model)
    elif request.param == "folders":
        (tmp_path / "index").mkdir()
        # Two processes took turns.
        turns = itertools.count()

        def opened(model: str | None) -> MomentIndex:
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("RANK", str(next(turns) % 2 if model else 0))
                patch.setenv("WORLD_SIZE", "2")
                return make_index(str(tmp_path / "index"), model) if model else open_index(str(tmp_path / "index"))

        yield opened
    elif request.param == "qdrant":
        client = QdrantClient(":memory:")
        yield lambda model: QdrantIndex(client, "clips", model)
    else:
        with served() as address:
            yield lambda model: make_index(f"{address}/clips", model) if model else open_index(f"{address}/clips")


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


def test_a_recording_that_lacks_a_modality_counts_by_the_other(make: Callable[[str | None], MomentIndex]) -> None:
    index = make("m")
    index.add([entry("both", 2, seed=1), entry("silent", 1, seed=2, sound=False)])
    query = unit(DIM, seed=9)
    assert {hit.recording.key for hit in index.search(query, 5, ["video", "audio"], "text")} == {"both", "silent"}
    assert {hit.recording.key for hit in index.search(query, 5, ["audio"])} == {"both"}
    assert index.search(query, 5, ["text"]) == []
    own = index.search(unit(1, DIM, seed=2)[0], 5, ["video", "audio"], "video")
    assert own[0].recording.key == "silent"


def test_removed_recordings_are_gone(make: Callable[[str | None], MomentIndex]) -> None:
    index = make("m")
    index.add([entry("a", seed=1), entry("b", seed=2)])
    index.add([entry("c", seed=3)])
    index.remove(["a", "c"])
    assert set(index.known()) == {"b"} == set(index.members_of("films"))
    assert {hit.recording.key for hit in make(None).search(unit(DIM), 9, ["video"])} == {"b"}


def test_run_and_captions_of_moments_are_kept(tmp_path: Path) -> None:
    client = QdrantClient(":memory:")
    recording, moments = entry("a", 2)
    told = Moments(moments.start, moments.end, moments.vectors, ["", "then it rains"])
    for index, again in (
        (LocalIndex(tmp_path, "m", "runs/a"), lambda: LocalIndex(tmp_path)),
        (QdrantIndex(client, "clips", "m", "runs/a"), lambda: QdrantIndex(client, "clips")),
    ):
        index.add([(recording, told)])
        assert again().run == "runs/a"
        hits = again().search(unit(DIM), 2, ["video"])
        assert {hit.start: hit.caption for hit in hits} == {0.0: "a caption", 1.0: "then it rains"}


def test_a_server_that_was_left_half_way_is_completed() -> None:
    client = QdrantClient(":memory:")
    index = QdrantIndex(client, "clips", "m")
    index.add([entry("a", 3, seed=1), entry("b", 3, seed=2)])
    half = index.search(unit(3, DIM, seed=1)[0], 1, ["video"])[0]
    assert half.recording.key == "a"
    client.delete("clips", [client.scroll("clips", limit=1)[0][0].id])
    assert len(index.known()) == 1, "a recording that lacks a window is to be added again"


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


def test_faiss_is_kept_and_grows(tmp_path: Path) -> None:
    centers = unit(50, DIM, seed=3)
    rows = functional.normalize(centers.repeat(40, 1) + 0.1 * torch.randn(2000, DIM), dim=1)
    names = torch.stack([torch.arange(2000), torch.arange(2000)], dim=1)
    place = tmp_path / "nearest-video"

    def agreement(nearest: Nearest, rows: Tensor) -> float:
        """Share of the true ten nearest."""
        queries = functional.normalize(centers + 0.1 * torch.randn(50, DIM), dim=1)
        pairs = [(nearest.search(q, 10).tolist(), (rows @ q).topk(10).indices.tolist()) for q in queries]
        return sum(len(set(found) & set(true)) for found, true in pairs) / (10 * len(pairs))

    assert Nearest.kept(Vectors.of(rows), names, place) is None
    nearest = Nearest.built(Vectors.of(rows[:1500]), names[:1500], place)
    assert nearest.engine.ntotal == 1500
    assert agreement(nearest, rows[:1500]) > 0.95
    assert nearest.search(rows[7], 1).tolist() == [7]
    kept = place.with_suffix(".faiss").stat().st_mtime_ns
    assert Nearest.built(Vectors.of(rows[:1500]), names[:1500], place).engine.ntotal == 1500
    assert place.with_suffix(".faiss").stat().st_mtime_ns == kept, "it was not built again"
    assert Nearest.kept(Vectors.of(rows), names, place) is None, "it lacks rows"
    grown = Nearest.built(Vectors.of(rows), names, place)
    assert grown.engine.ntotal == 2000
    assert agreement(grown, rows) > 0.95
    other = Nearest.built(Vectors.of(rows.flip(0)[:1200]), names.flip(0)[:1200], place)
    assert other.search(rows[1999], 1).tolist() == [0]


def answers(index: MomentIndex, query: Tensor, asked: Modality = "video") -> list[tuple[str, float, float]]:
    hits = index.search(query, 5, ["video", "audio"], asked)
    return [(hit.recording.key, hit.start, round(hit.score, 5)) for hit in hits]


def test_an_approximate_search_is_used_where_it_finds_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = LocalIndex(tmp_path, "m")
    index.add([entry(f"k{n}", 20, seed=n, sound=n % 3 > 0) for n in range(10)])
    query = unit(20, DIM, seed=4)[3]
    exact = answers(index, query)
    assert index.recalls() == {}
    monkeypatch.setattr("mmssl.applications.opening.EXACT_LIMIT", 10)
    large = LocalIndex(tmp_path)
    recalls = large.recalls()
    assert set(recalls) == {"video->audio", "audio->video", "video->video,audio", "audio->video,audio"}
    assert min(recalls.values()) > 0.9
    asked: list[Nearest] = []
    search_of = Nearest.search

    def counted(self: Nearest, query: Tensor, count: int) -> Tensor:
        asked.append(self)
        return search_of(self, query, count)

    monkeypatch.setattr(Nearest, "search", counted)
    assert answers(LocalIndex(tmp_path), query) == exact
    assert len(asked) == 2, "one for each modality"
    monkeypatch.setattr("mmssl.applications.loaded.LEAST_RECALL", 1.01)
    assert answers(LocalIndex(tmp_path), query) == exact
    assert len(asked) == 2, "it is not used when it finds too little"
    monkeypatch.setattr("mmssl.applications.loaded.LEAST_RECALL", 0.9)
    index.add([entry("new", seed=99)])
    answers(LocalIndex(tmp_path), query)
    assert len(asked) == 2, "nor when it lacks what was added since"


def test_an_empty_index_answers_nothing(tmp_path: Path) -> None:
    assert LocalIndex(tmp_path, "m").search(unit(DIM), 3, ["video"]) == []


def test_addresses_of_servers_that_are_not_there() -> None:
    with pytest.raises(UsageError, match="name the collection"):
        open_index("http://127.0.0.1:9")
    with pytest.raises(UsageError, match="no Qdrant server answers"):
        open_index("http://127.0.0.1:9/clips")
