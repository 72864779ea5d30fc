"""A pack from a storage that goes away ends; the same command goes on, to the shards of one that was never stopped."""

from collections.abc import Callable, Iterator
from pathlib import Path

import fsspec
import pytest

from mmssl.data import shard_plan
from mmssl.data.pack import pack
from mmssl.data.pack_report import PackReport
from mmssl.data.recordings import Recordings
from mmssl.data.remote import RemoteRanges
from mmssl.data.sources import open_recordings
from mmssl.errors import Fault, MediaError

COUNT = 16
Tone = Callable[[int], bytes]
pytestmark = pytest.mark.fault("S4")


@pytest.fixture
def source(tone: Tone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A list of sounds far away, of which nothing is kept here."""
    monkeypatch.setenv("MMSSL_CACHE_GB", "0")
    files, rows = fsspec.filesystem("memory"), ["path"]
    for number in range(COUNT):
        files.pipe(f"/sounds/{number:02d}.wav", tone(1000 + number))
        rows.append(f"memory://sounds/{number:02d}.wav")
    (tmp_path / "list.csv").write_text("\n".join(rows))
    yield tmp_path / "list.csv"
    files.rm("/sounds", recursive=True)


def lose(patch: pytest.MonkeyPatch, first: int, end: int = COUNT) -> None:
    """The bytes of these recordings cannot be had."""
    fetch = RemoteRanges.fetch

    def failing(ranges: RemoteRanges, offset: int, count: int, tries: int = 3) -> bytes:
        if first <= int(ranges.name[-6:-4]) < end:
            raise MediaError(ranges.name, Fault.NETWORK, "could not be read in 3 tries")
        return fetch(ranges, offset, count, tries)

    patch.setattr(RemoteRanges, "fetch", failing)


def run(source: Path, out: Path, shard_bytes: int = 9_000) -> PackReport:
    return pack(str(source), out, shard_bytes=shard_bytes, workers=1)


def shards(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in out.glob("*.tar")}


@pytest.mark.parametrize("shard_bytes", [1, 9_000, 10**6])
def test_it_ends_and_goes_on(source: Path, tmp_path: Path, shard_bytes: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        lose(patch, 5)
        with pytest.raises(MediaError, match="answers again"):
            run(source, tmp_path / "out", shard_bytes)
    assert run(source, tmp_path / "out", shard_bytes).samples == COUNT
    run(source, tmp_path / "whole", shard_bytes)
    assert shards(tmp_path / "out") == shards(tmp_path / "whole")


def test_what_the_network_did_not_give_is_asked_for_again(source: Path, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        lose(patch, 5, 7)
        report = run(source, tmp_path / "out")
        assert (report.samples, dict(report.faults)) == (COUNT - 2, {"network": 2})
    report = run(source, tmp_path / "out")
    assert report.samples == COUNT
    assert 0 < report.reused < len(report.shards)


def test_shards_are_parted_once(source: Path, tmp_path: Path) -> None:
    """Also by sizes that could not all be had, lest those that are finished overlap with others."""
    size = shard_plan._size

    def some(recordings: Recordings, index: int) -> int:
        return 0 if index < 5 else size(recordings, index)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shard_plan, "_size", some)
        run(source, tmp_path / "out")
    keys, before = open_recordings(str(tmp_path / "out")).all_keys(), shards(tmp_path / "out")
    (tmp_path / "out" / "shard-000001.tar").unlink()
    assert run(source, tmp_path / "out").samples == COUNT
    assert shards(tmp_path / "out") == before
    assert open_recordings(str(tmp_path / "out")).all_keys() == keys
