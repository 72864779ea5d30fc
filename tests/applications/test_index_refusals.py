"""Whatever is wrong with an index, its disk or a question is one sentence, and what was stored stays whole."""

import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from torch import Tensor

from mmssl.applications.bulk import Bulk, Collected
from mmssl.applications.local_index import LocalIndex
from mmssl.applications.model import Model
from mmssl.applications.moments import IndexedRecording, Moments
from mmssl.applications.search import make_index, open_index, search
from mmssl.applications.sharded_index import ShardedIndex
from mmssl.errors import CheckpointError, EvaluationError, MmsslError, UsageError

DIM = 64


def recording(key: str) -> IndexedRecording:
    return IndexedRecording(key, "films", key, f"films/{key}.mp4", "hash", "label", "a caption " * 20)


def moments(count: int, seed: int, dim: int = DIM) -> Moments:
    rows = torch.randn(count, dim, generator=torch.Generator().manual_seed(seed))
    seconds = [float(second) for second in range(count)]
    return Moments(seconds, [second + 1 for second in seconds], {"video": rows}, ["words " * 5] * count)


def query(dim: int = DIM) -> Tensor:
    return torch.full((dim,), dim**-0.5)


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """The system refuses to write beyond, as a full disk or a quota does, wherever a file happens to end."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def added_with_room_for(size: int, index: LocalIndex) -> str:
    """What the index says when there is too little."""
    try:
        with files_of_at_most(size):
            index.add([(recording("b"), moments(300, 2))])
    except MmsslError as error:
        return str(error)
    return ""


def test_room_that_ends_at_any_byte(tmp_path: Path) -> None:
    undisturbed = LocalIndex(tmp_path / "whole", "m")
    undisturbed.add([(recording("a"), moments(40, 1))])
    LocalIndex(tmp_path / "start", "m").add([(recording("a"), moments(40, 1))])
    largest = 200_000
    refused = 0
    undisturbed.add([(recording("b"), moments(300, 2))])
    expected = [(hit.recording.key, hit.start) for hit in undisturbed.search(query(), 20, ["video"])]
    for limit in range(0, largest + 1, largest // 40):
        place = Path(shutil.copytree(tmp_path / "start", tmp_path / f"to {limit}"))
        index = LocalIndex(place)
        said = added_with_room_for(limit, index)
        if said:
            refused += 1
            assert "the same command goes on" in said
            assert "\n" not in said
            assert set(LocalIndex(place).known()) == {"a"}
            assert len(LocalIndex(place).search(query(), 100, ["video"])) == 40
            index.add([(recording("b"), moments(300, 2))])
        assert [(hit.recording.key, hit.start) for hit in LocalIndex(place).search(query(), 20, ["video"])] == expected
        assert not list(place.glob("*.partial"))
    assert 10 < refused < 40


def test_room_that_ends_under_the_codes_and_under_faiss(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = LocalIndex(tmp_path, "m")
    both = moments(300, 1)
    index.add([(recording("a"), Moments(both.start, both.end, {**both.vectors, "audio": both.vectors["video"]}))])
    expected = [hit.start for hit in index.search(query(), 9, ["video"])]
    monkeypatch.setattr("mmssl.applications.opening.SIEVE_FROM", 100)
    monkeypatch.setattr("mmssl.applications.opening.EXACT_LIMIT", 100)
    with files_of_at_most(4096):
        small = LocalIndex(tmp_path)
        with pytest.raises(MmsslError, match=r"nearest-video.faiss: cannot be written .* the index is whole"):
            small.recalls()
        assert [hit.start for hit in small.search(query(), 9, ["video"])] == expected
    assert not list(tmp_path.glob("sieve*"))
    assert not list(tmp_path.glob("*.partial"))
    assert set(LocalIndex(tmp_path).recalls()) == {
        "video->audio",
        "audio->video",
        "video->video,audio",
        "audio->video,audio",
    }
    assert [hit.start for hit in LocalIndex(tmp_path).search(query(), 9, ["video"])] == expected


def test_a_segment_cut_off_anywhere(tmp_path: Path) -> None:
    LocalIndex(tmp_path / "whole", "m").add([(recording("a"), moments(40, 1))])
    whole = (tmp_path / "whole" / "segment-000001.safetensors").read_bytes()
    for part in range(20):
        place = Path(shutil.copytree(tmp_path / "whole", tmp_path / str(part)))
        (place / "segment-000001.safetensors").write_bytes(whole[: len(whole) * part // 20])
        with pytest.raises(CheckpointError, match=r"segment-000001.*build it again"):
            LocalIndex(place).search(query(), 3, ["video"])


def test_questions_that_cannot_be_answered(tmp_path: Path) -> None:
    index = LocalIndex(tmp_path, "m")
    index.add([(recording("a"), moments(4, 1))])
    broken = query()
    broken[3] = torch.nan
    for asked, count, modalities, fault, message in (
        (query(), 0, ["video"], UsageError, "at least one moment"),
        (query(), -3, ["video"], UsageError, "at least one moment"),
        (query(), 3, [], UsageError, "at least one modality"),
        (query(), 3, ["smell"], UsageError, "no modality smell; search in video, audio, text"),
        (query(8), 3, ["video"], UsageError, "8 numbers, the vectors of the index 64"),
        (broken, 3, ["video"], EvaluationError, "not finite"),
        (broken * torch.inf, 3, ["video"], EvaluationError, "not finite"),
    ):
        with pytest.raises(fault, match=message):
            search(index, asked, count, modalities)  # type: ignore[arg-type]
    assert len(search(index, query(), 1000, ["video"])) == 4


def test_vectors_that_cannot_be_stored(tmp_path: Path, tiny_model: Model) -> None:
    index = LocalIndex(tmp_path, "m")
    broken = moments(4, 1)
    broken.vectors["video"][2, 5] = torch.inf
    with pytest.raises(EvaluationError, match="vector of video is not finite"):
        index.add([(recording("a"), broken)])
    with pytest.raises(UsageError, match="differ in length"):
        index.add([(recording("a"), moments(4, 1)), (recording("b"), moments(4, 1, dim=8))])
    assert len(index) == 0
    bulk = Bulk(tiny_model.objective, torch.device("cpu"), 4)
    owner = Collected(recording("loud"), [(0.0, 1.0)], [""])
    bulk.put(owner, "audio", torch.full((1, 16_000), torch.nan))
    with pytest.raises(EvaluationError, match=r"films/loud.mp4: the model's vector of its audio is not finite"):
        bulk.flush()


def test_folders_of_several_models(tmp_path: Path) -> None:
    for name in "ab":
        LocalIndex(tmp_path / name, f"model-{name}").add([(recording(name), moments(4, 1))])
    with pytest.raises(UsageError, match="made by different models"):
        open_index(str(tmp_path))
    shutil.rmtree(tmp_path / "b")
    LocalIndex(tmp_path / "c", "model-a").add([(recording("c"), moments(4, 2))])
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "moments.sqlite").touch()  # killed before its first transaction
    index = open_index(str(tmp_path), "model-a")
    assert isinstance(index, ShardedIndex)
    assert {hit.recording.key for hit in search(index, query(), 8, ["video"])} == {"a", "c"}
    with pytest.raises(UsageError, match="another model"):
        open_index(str(tmp_path), "model-b")
    assert isinstance(make_index(str(tmp_path), "model-b"), LocalIndex), "one beside them, as it was asked for"


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["full", "no place"])
def test_a_scan_that_cannot_keep_what_it_compiled(fault: str, tmp_path: Path) -> None:
    page = """
import resource, torch
from mmssl.applications.best import Best, Part, Questions
from mmssl.applications.sieve import Sieve
from mmssl.applications.vectors import Vectors
rows = torch.eye(64)
part = Part(Vectors.of(rows), Sieve.like(rows).resized(64, [rows]))
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
print(Best(Questions(rows[5:6, None], torch.zeros(1, 1)), 1).over([part]).sorted()[0][1].tolist())
"""
    place = tmp_path / "cache"
    if fault == "no place":
        place.write_text("a file")
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(place), "OMP_NUM_THREADS": "1"}
    words = [sys.executable, "-c", page]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=250, check=False)
    assert done.stdout == "[5]\n", done.stderr
