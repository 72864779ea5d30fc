"""Recordings of every kind become windows of an index, once each, whatever happens on the way."""

import json
import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from mmssl.applications.entries import meets
from mmssl.applications.indexing import IndexReport, build_index
from mmssl.applications.local_index import LocalIndex
from mmssl.applications.model import Model
from mmssl.applications.moments import Hit
from mmssl.applications.read_ahead import read_ahead
from mmssl.applications.search import open_index, search
from mmssl.applications.sheet import contact_sheet, open_hit
from mmssl.data.pack import pack
from mmssl.data.synthetic.film import write
from mmssl.errors import UsageError
from mmssl.objective import Objective

COLORS = {"red": (220, 30, 30), "green": (30, 200, 40), "blue": (20, 40, 230)}


def film(path: Path, color: str, seconds: float = 2.0) -> None:
    """10 pictures a second in one color, and a tone that goes with it."""
    number = list(COLORS).index(color)
    frames = np.empty((round(seconds * 10), 48, 64, 3), np.uint8)
    frames[:] = COLORS[color]
    frames[:, 10 * number : 10 * number + 16, 20:40] = 255
    time = np.arange(round(seconds * 16_000)) / 16_000
    write(path, frames, (0.3 * np.sin(2 * np.pi * (300 + 500 * number) * time)).astype(np.float32), 10, 16_000)


@pytest.fixture(scope="session")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("originals")
    for color in COLORS:
        film(folder / f"{color}.mp4", color)
    captions = [{"text": "a red ball"}, {"text": "rot", "start": 1.2, "end": 1.9}]
    (folder / "red.json").write_text(json.dumps({"captions": captions, "label": "ball"}))
    (folder / "green.json").write_text(json.dumps({"captions": ["?!"]}))  # no word that the model knows
    soundfile.write(folder / "hum.wav", 0.1 * np.sin(np.arange(4_000) / 9), 16_000)  # a quarter of a window
    (folder / "broken.mp4").write_bytes(b"no film" * 100)
    return folder


@pytest.fixture
def films(originals: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(originals, tmp_path / "films"))


def build(model: Model, films: Path, **settings: object) -> IndexReport:
    return build_index(model, str(films), str(films.parent / "index"), **settings)  # type: ignore[arg-type]


def content(place: Path) -> dict[str, list[tuple[float, float, str]]]:
    """Windows of each recording, by file name."""
    found: dict[str, list[tuple[float, float, str]]] = {}
    for hit in LocalIndex(place).search(torch.ones(16), 10_000, ["video", "audio"]):
        found.setdefault(Path(hit.recording.name).name, []).append((hit.start, hit.end, hit.caption))
    return {name: sorted(found[name]) for name in sorted(found)}


@pytest.mark.parametrize("threads", [0, 3])
def test_windows_captions_and_what_cannot_be_read(tiny_model: Model, films: Path, threads: int) -> None:
    seen: list[float] = []
    report = build(tiny_model, films, threads=threads, batch_size=2, save_every=0, watch=seen.append)
    assert (report.added, report.recordings, report.unchanged, report.recalls) == (4, 4, 0, {})
    assert seen == sorted(seen)
    assert seen[-1] == 1.0
    red = [(0.0, 1.0, "a red ball"), (0.5, 1.5, "rot"), (1.0, 2.0, "rot")]
    found = content(films.parent / "index")
    assert set(found) == {"red.mp4", "green.mp4", "blue.mp4", "hum.wav"}
    assert found["red.mp4"][:3] == [pytest.approx(window) for window in red]
    ((start, end, caption),) = found["hum.wav"]
    assert (start, caption) == (0.0, "")
    assert end == pytest.approx(0.25)
    assert report.moments == sum(map(len, found.values()))
    (line,) = (films.parent / "index" / "skipped.jsonl").read_text().splitlines()
    assert json.loads(line)["key"].endswith("broken.mp4")
    assert "1 recordings could not be read" in report.skipped[0]


def test_vectors_are_those_of_the_model(tiny_model: Model, films: Path) -> None:
    build(tiny_model, films, batch_size=3)
    index = LocalIndex(films.parent / "index")
    for number, row in enumerate(tiny_model.embed(video=films / "blue.mp4")):
        (best,) = index.search(row, 1, ["video"])
        assert best.score == pytest.approx(1, abs=1e-4)
        assert best.recording.path == str(films / "blue.mp4")
        assert best.start == pytest.approx(number / 2)
    (best,) = index.search(tiny_model.query(text="a red ball"), 1, ["text"])
    assert (best.recording.label, best.start) == ("ball", 0.0)
    # The captions of the later windows are the mean of two.
    assert {Path(hit.recording.path).name for hit in index.search(torch.ones(16), 99, ["text"])} == {"red.mp4"}


def test_only_what_changed_is_embedded_again(tiny_model: Model, films: Path) -> None:
    build(tiny_model, films)
    assert build(tiny_model, films).unchanged == 4
    os.utime(films / "green.mp4", (1, 1))
    (films / "blue.txt").write_text("a blue ball")
    film(films / "new.mp4", "red", 1.0)
    (films / "red.mp4").unlink()
    report = build(tiny_model, films)
    assert (report.added, report.unchanged, report.removed, report.recordings) == (3, 1, 0, 5)
    assert build(tiny_model, films, prune=True).removed == 1
    assert "red.mp4" not in content(films.parent / "index")
    assert build(tiny_model, films, stride=1.0).added == 4


def test_a_repaired_recording_is_no_longer_named(tiny_model: Model, films: Path) -> None:
    build(tiny_model, films)
    film(films / "broken.mp4", "blue", 1.0)
    assert build(tiny_model, films).skipped == []
    assert not (films.parent / "index" / "skipped.jsonl").exists()


def test_prune_leaves_other_sources_alone(tiny_model: Model, films: Path) -> None:
    """Also when both hold a `red.mp4`."""
    other = Path(shutil.copytree(films, films.parent / "other"))
    place = str(films.parent / "index")
    build(tiny_model, films)
    assert build_index(tiny_model, str(other), place).recordings == 8
    (other / "blue.mp4").unlink()
    report = build_index(tiny_model, str(other), place, prune=True)
    assert (report.removed, report.recordings) == (1, 7)


def test_shards_and_the_way_back_to_their_members(tiny_model: Model, films: Path) -> None:
    pack(str(films), films.parent / "shards", workers=1)
    place = films.parent / "index"
    assert build_index(tiny_model, str(films.parent / "shards"), str(place)).added == 4
    assert build_index(tiny_model, str(films.parent / "shards"), str(place)).unchanged == 4
    (best,) = search(LocalIndex(place), tiny_model.query(video=films / "green.mp4"), 1, ["video"])
    assert best.recording.name.endswith("shards/green")
    with open_hit(best.recording, tiny_model.reader) as media:
        pixel = media.frames([0.5]).pixels[0, 40, 5]
    assert pixel.argmax() == 1


def test_parts_of_a_file_are_recordings_of_their_own(tiny_model: Model, films: Path) -> None:
    film(films / "long.mp4", "red", 5.0)
    manifest = films / "parts.csv"
    manifest.write_text("path,start,end,caption\nlong.mp4,0.5,1.75,a red ball\nlong.mp4,3,5,rot\n")
    build_index(tiny_model, str(manifest), str(films.parent / "index"))
    found = content(films.parent / "index")["long.mp4"]
    early = [(0.5, 1.5, "a red ball"), (0.75, 1.75, "a red ball")]
    late = [(3.0, 4.0, "rot"), (3.5, 4.5, "rot"), (4.0, 5.0, "rot")]
    assert found == [pytest.approx(window) for window in early + late]


def test_captions_and_windows_meet() -> None:
    assert meets((None, None), (5, 6))
    assert not meets((None, 5.0), (5, 6))
    assert meets((5.5, None), (5, 6))
    assert not meets((6.0, 7.0), (5, 6))
    assert meets((4.0, 5.1), (5, 6))


def test_what_is_refused(tiny_model: Model, films: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for settings, message in (
        ({"stride": 0.0}, "stride"),
        ({"modalities": ["text"]}, "captions alone"),
        ({"modalities": ["smell"]}, "no encoder of smell"),
    ):
        with pytest.raises(UsageError, match=message):
            build(tiny_model, films, **settings)
    build(tiny_model, films)
    with pytest.raises(UsageError, match="another model"):
        open_index(str(films.parent / "index"), "another")
    monkeypatch.setitem(tiny_model.__dict__, "fingerprint", "another")
    with pytest.raises(UsageError, match="another model"):
        build(tiny_model, films)
    monkeypatch.setattr(Objective, "comparable", False)
    with pytest.raises(UsageError, match="InfoNCE does not put its modalities into one space"):
        build(tiny_model, films)


def test_only_some_modalities(tiny_model: Model, films: Path) -> None:
    report = build(tiny_model, films, modalities=["audio"])
    assert report.recordings == 4
    index = LocalIndex(films.parent / "index")
    assert index.search(torch.ones(16), 9, ["video", "text"], "audio") == []


def test_a_contact_sheet_of_films_sounds_and_what_is_gone(tiny_model: Model, films: Path) -> None:
    from PIL import Image

    build(tiny_model, films)
    hits = search(LocalIndex(films.parent / "index"), torch.ones(16), 20, ["video", "audio"])
    (films / "green.mp4").unlink()
    path = films.parent / "sheets" / "answers.png"
    contact_sheet(hits, "Ein roter Ball, красный шар", path, tiny_model.reader, columns=3)
    picture = np.asarray(Image.open(path))
    for rank, hit in enumerate(hits):
        x, y = 12 + rank % 3 * 252 + 60, 46 + rank // 3 * 236 + 140
        color = picture[y, x].astype(int)
        expected = {"red.mp4": 0, "blue.mp4": 2}.get(Path(hit.recording.path).name)
        assert expected is None or color.argmax() == expected, (hit, color)
        assert hit.recording.path != str(films / "green.mp4") or color.tolist() == [200] * 3


def numbers(first: int, fail: bool = False) -> Iterator[int]:
    yield from range(first, first + 5)
    if fail:
        raise ValueError("the reader of 10")


@pytest.mark.parametrize("threads", [0, 1, 3])
def test_reading_ahead_keeps_the_order_and_ends_with_its_consumer(threads: int) -> None:
    assert list(read_ahead((numbers(5 * n) for n in range(7)), threads)) == list(range(35))
    got: list[int] = []
    with pytest.raises(ValueError, match="the reader of 10"):
        got.extend(read_ahead((numbers(5 * n, n == 2) for n in range(1_000_000)), threads))
    assert got == list(range(15))
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("read-ahead")]


def hit(score: float, name: str, start: float) -> Hit:
    from mmssl.applications.moments import IndexedRecording

    return Hit(score, start, start + 2, IndexedRecording(name, "films", name, name, ""))


def test_one_long_recording_does_not_fill_the_answers(tmp_path: Path) -> None:
    class Fixed(LocalIndex):
        """A long film answers 200 times before another one does."""

        def search(self, query, count, modalities, asked=None):  # type: ignore[no-untyped-def]
            hits = [hit(1 - n / 1000, "long", n / 100) for n in range(200)] + [hit(0.1, "other", 0)]
            return hits[:count]

    found = search(Fixed(tmp_path, "m"), torch.ones(4), 2, ["video"])
    assert [(h.recording.name, h.start) for h in found] == [("long", 0.0), ("other", 0)]
