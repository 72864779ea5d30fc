"""A storage that goes away ends what reads an archive, at once and in one sentence; nothing is lost by it."""

import io
from collections.abc import Iterator
from pathlib import Path

import fsspec
import numpy as np
import pytest
import soundfile

from mmssl.applications.indexing import IndexReport, build_index
from mmssl.applications.model import Model
from mmssl.data.remote import RemoteRanges
from mmssl.errors import Fault, MediaError

pytestmark = pytest.mark.fault("S4")
ARCHIVE = "memory://archive"
COUNT = 30


class Storage:
    """Thirty described sounds; after `left` reads it is down.

    Attributes:
        left: reads to come.
        lost: what alone of the reads fails, by a part of its name; empty for all.
        reads: how many were tried.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left, self.lost, self.reads = 10**6, "", 0
        self.files = fsspec.filesystem("memory")
        fetch = RemoteRanges.fetch

        def failing(ranges: RemoteRanges, offset: int, count: int, tries: int = 3) -> bytes:
            self.reads, self.left = self.reads + 1, self.left - 1
            if self.left < 0 or (self.lost and self.lost in ranges.name):
                raise MediaError(ranges.name, Fault.NETWORK, "could not be read in 3 tries")
            return fetch(ranges, offset, count, tries)

        monkeypatch.setattr(RemoteRanges, "fetch", failing)
        monkeypatch.setenv("MMSSL_CACHE_GB", "0")
        for number in range(COUNT):
            sound = io.BytesIO()
            soundfile.write(sound, 0.1 * np.sin(np.arange(16_000 + number) / 9), 16_000, format="WAV")
            self.files.pipe(f"/archive/{number:02d}.wav", sound.getvalue())
            self.files.pipe(f"/archive/{number:02d}.txt", f"sound {number}".encode())


@pytest.fixture
def storage(monkeypatch: pytest.MonkeyPatch) -> Iterator[Storage]:
    made = Storage(monkeypatch)
    yield made
    made.files.rm("/archive", recursive=True)


def build(model: Model, folder: Path, **settings: object) -> IndexReport:
    return build_index(model, ARCHIVE, str(folder / "index"), **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("threads", [0, 2])
def test_indexing_ends_and_goes_on(storage: Storage, tiny_model: Model, tmp_path: Path, threads: int) -> None:
    storage.left = 40
    with pytest.raises(MediaError, match="go on when archive answers again"):
        build(tiny_model, tmp_path, threads=threads, save_every=0)
    assert storage.reads < 60
    storage.left = 10**6
    report = build(tiny_model, tmp_path, threads=threads)
    assert report.recordings == COUNT
    assert report.added < COUNT
    assert report.skipped == []


def test_one_that_cannot_be_read_now_is_not_pruned(storage: Storage, tiny_model: Model, tmp_path: Path) -> None:
    build(tiny_model, tmp_path)
    storage.lost = "07.txt"
    storage.files.rm("/archive/03.wav")
    report = build(tiny_model, tmp_path, prune=True)
    assert (report.removed, report.recordings) == (1, COUNT - 1)
    assert "1 recordings could not be read" in report.skipped[0]


def test_a_slash_at_the_end_names_the_same_archive(storage: Storage, tiny_model: Model, tmp_path: Path) -> None:
    build(tiny_model, tmp_path)
    report = build_index(tiny_model, f"{ARCHIVE}/", str(tmp_path / "index"))
    assert (report.added, report.unchanged) == (0, COUNT)


def test_embedding_an_archive_ends(storage: Storage, tiny_model: Model) -> None:
    storage.left = 40
    with pytest.raises(MediaError, match="go on when archive answers again"):
        list(tiny_model.embed_archive(ARCHIVE))
    assert storage.reads < 60
