"""Remote shards, files and manifests from a server that really serves ranges and counts."""

import multiprocessing
import pickle
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from mmssl.data.recordings import Caption
from mmssl.data.remote import AHEAD, BLOCK, RemoteRanges
from mmssl.data.shard_index_file import open_index
from mmssl.data.sources import open_recordings
from mmssl.errors import Fault, MediaError

Tar = Callable[[Path, dict[str, bytes]], Path]

MEDIA = {f"{i:02d}.mp4": random.Random(i).randbytes(300_000) for i in range(10)}


def read(source: object) -> bytes:
    assert not isinstance(source, str)
    file: BinaryIO = source  # type: ignore[assignment]
    with file:
        return file.read()


@pytest.fixture
def shard(server: Any, tar: Tar) -> Path:
    members: dict[str, bytes] = {}
    for name, data in MEDIA.items():
        members |= {name: data, name.replace("mp4", "json"): b'{"caption": "c", "group": "g"}'}
    return tar(server.folder / "s-000.tar", members)


def test_a_member_costs_about_its_bytes(server: Any, shard: Path, cache: Path) -> None:
    open_index(str(shard))  # the index is beside the shard
    recordings = open_recordings(f"{server.address}/s-{{000..000}}.tar")
    index_bytes = shard.with_name("s-000.tar.index.npz").stat().st_size
    assert len(recordings) == 10
    assert server.fetched() < index_bytes + 4 * BLOCK
    before = server.fetched()
    requests = server.gets("s-000.tar")
    assert read(recordings.source(5)) == MEDIA["05.mp4"]
    assert 0 < server.fetched() - before <= 300_000 + 2 * BLOCK
    assert server.gets("s-000.tar") - requests <= 2
    assert server.fetched() < shard.stat().st_size / 2

    before = server.fetched()
    assert read(recordings.source(5)) == MEDIA["05.mp4"]
    assert recordings[5].captions == (Caption("c"),)
    assert server.fetched() == before  # the description lies in the member's last block


def test_index_is_cached(server: Any, shard: Path) -> None:
    first = open_recordings(f"{server.address}/s-000.tar")
    assert server.gets("s-000.tar") > 0
    before = server.fetched()
    again = open_recordings(f"{server.address}/s-000.tar")
    assert server.fetched() == before
    assert again.fingerprint() == first.fingerprint() == open_recordings(str(shard)).fingerprint()
    assert list(again.groups()) == ["g"] * 10


@pytest.mark.fault("S4")
def test_a_shard_that_changed(server: Any, shard: Path, tar: Tar) -> None:
    open_index(str(shard))
    assert len(open_recordings(f"{server.address}/s-000.tar")) == 10
    size = shard.stat().st_size
    data = shard.read_bytes()
    tar(shard, {"new.mp4": data[: size - 512 - 1024]})
    assert shard.stat().st_size == size
    recordings = open_recordings(f"{server.address}/s-000.tar")  # the old index still lies beside it
    assert [r.key for r in recordings] == ["new"]


def test_the_cache_is_bounded(server: Any, shard: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bound = 8 * BLOCK
    monkeypatch.setenv("MMSSL_CACHE_GB", str(bound / 1e9))
    recordings = open_recordings(f"{server.address}/s-000.tar")
    for _ in range(2):
        for i, data in enumerate(MEDIA.values()):
            assert read(recordings.source(i)) == data
            blocks = sum(path.stat().st_size for path in (cache / "mmssl-blocks").rglob("*") if path.is_file())
            assert blocks <= bound


def test_without_cache(server: Any, shard: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MMSSL_CACHE_GB", "0")
    recordings = open_recordings(f"{server.address}/s-000.tar")
    assert read(recordings.source(3)) == MEDIA["03.mp4"]


def test_fetching_ahead(server: Any, shard: Path) -> None:
    recordings: Any = open_recordings(f"{server.address}/s-000.tar")
    recordings.fetch_ahead(range(10))
    for i, data in enumerate(MEDIA.values()):
        assert read(recordings.source(i)) == data
        assert recordings[i].captions == (Caption("c"),)
    assert server.fetched() < 1.2 * shard.stat().st_size  # blocks at the borders of two that came at once
    before = server.fetched()
    recordings.fetch_ahead(range(10))
    assert read(recordings.source(9)) == MEDIA["09.mp4"]
    assert server.fetched() == before


def test_a_fork_does_not_wait_for_what_its_parent_fetches(server: Any, shard: Path) -> None:
    recordings: Any = open_recordings(f"{server.address}/s-000.tar")
    server.delay = 0.2
    recordings.fetch_ahead(range(10))
    with multiprocessing.get_context("fork").Pool(1) as pool:
        assert pool.starmap_async(_in_another_process, [(recordings, 7)]).get(20) == [MEDIA["07.mp4"]]


def test_what_cannot_be_fetched_ahead_is_told_when_it_is_read(server: Any, shard: Path) -> None:
    recordings: Any = open_recordings(f"{server.address}/s-000.tar")
    shard.unlink()
    recordings.fetch_ahead([3])
    with pytest.raises(MediaError, match=r"s-000\.tar"):
        read(recordings.source(3))


def test_seeking_in_a_long_file(server: Any) -> None:
    data = random.Random(0).randbytes(6_000_000)
    (server.folder / "long.mp4").write_bytes(data)
    recordings = open_recordings(f"{server.address}/long.mp4")
    file = recordings.source(0)
    assert not isinstance(file, str)
    with file:
        file.seek(4_000_000)
        assert file.read(1000) == data[4_000_000:4_001_000]
        assert server.fetched() <= AHEAD + BLOCK
        file.seek(-10, 2)
        assert file.read() == data[-10:]
        assert server.fetched() <= AHEAD + 3 * BLOCK


@pytest.mark.fault("S4")
def test_tries_again(server: Any, shard: Path) -> None:
    server.failures = 2
    assert len(open_recordings(f"{server.address}/s-000.tar")) == 10
    server.failures = 2
    ranges = pickle.loads(pickle.dumps(RemoteRanges(f"{server.address}/s-000.tar")))  # noqa: S301 - our own bytes
    server.failures = 2
    assert ranges.read(0, 10, 10) == shard.read_bytes()[:10]


@pytest.mark.fault("S4")
def test_gives_up(server: Any, shard: Path) -> None:
    ranges = RemoteRanges(f"{server.address}/s-000.tar")
    server.failures = 100
    with pytest.raises(MediaError, match="in 3 tries") as caught:
        ranges.read(0, 10, 10)
    assert caught.value.fault is Fault.NETWORK
    assert sum(method == "GET" for method, _, sent in server.requests if sent == 0) == 3


@pytest.mark.fault("S4")
def test_missing(server: Any) -> None:
    with pytest.raises(MediaError, match="check the address") as caught:
        open_recordings(f"{server.address}/nowhere.tar")
    assert caught.value.fault is Fault.MISSING


@pytest.mark.fault("S4")
def test_refused(server: Any, shard: Path) -> None:
    server.failures, server.broken = 100, 403
    with pytest.raises(MediaError, match="credentials") as caught:
        open_recordings(f"{server.address}/s-000.tar")
    assert caught.value.fault is Fault.PERMISSION


@pytest.mark.fault("S4")
def test_no_server() -> None:
    from mmssl.data import network

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(network, "PAUSE", 0.01)
        with pytest.raises(MediaError, match="in 3 tries") as caught:
            open_recordings("http://127.0.0.1:9/x.tar")
    assert caught.value.fault is Fault.NETWORK


def test_a_server_without_ranges(server: Any, shard: Path) -> None:
    server.ranges = False
    with pytest.raises(MediaError, match="byte ranges") as caught:
        open_recordings(f"{server.address}/s-000.tar")
    assert caught.value.fault is Fault.NETWORK
    assert server.fetched() < 20 * shard.stat().st_size


@pytest.mark.fault("S1", "S4")
def test_truncated(server: Any, shard: Path) -> None:
    shard.write_bytes(shard.read_bytes()[:1_000_000])
    with pytest.raises(MediaError, match="truncated") as caught:
        open_recordings(f"{server.address}/s-000.tar")
    assert caught.value.fault is Fault.SHARD


def test_a_folder_and_a_manifest(server: Any) -> None:
    (server.folder / "d").mkdir()
    (server.folder / "d/a.mp4").write_bytes(b"aaa")
    (server.folder / "d/a.txt").write_text("hi")
    (server.folder / "d/m.csv").write_text("path,label\na.mp4,x\n")
    folder = open_recordings(f"{server.address}/d/")
    assert [(r.key, r.captions) for r in folder] == [("a", (Caption("hi"),))]
    assert read(folder.source(0)) == b"aaa"
    assert len(folder.fingerprint()) == 64
    manifest = open_recordings(f"{server.address}/d/m.csv")
    assert (manifest[0].key, manifest[0].label) == ("a", "x")
    assert read(manifest.source(0)) == b"aaa"


def test_a_local_manifest_of_remote_files(server: Any, tmp_path: Path) -> None:
    (server.folder / "a.mp4").write_bytes(b"aaa")
    (tmp_path / "m.jsonl").write_text(f'{{"path": "{server.address}/a.mp4", "key": "k"}}')
    recordings = open_recordings(str(tmp_path / "m.jsonl"))
    assert (recordings[0].key, read(recordings.source(0))) == ("k", b"aaa")


def _in_another_process(recordings: Any, index: int) -> bytes:
    return read(recordings.source(index))


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_workers(server: Any, shard: Path, method: str) -> None:
    recordings = open_recordings(f"{server.address}/s-000.tar")
    read(recordings.source(0))  # the connection of this process is open
    with multiprocessing.get_context(method).Pool(2) as pool:
        found = pool.starmap(_in_another_process, [(recordings, i) for i in range(4)])
    assert found == list(MEDIA.values())[:4]


def test_any_filesystem(tar: Tar, tmp_path: Path) -> None:
    import fsspec

    data = tar(tmp_path / "s.tar", {"a.wav": b"x" * 1000}).read_bytes()
    filesystem = fsspec.filesystem("memory")
    for i in range(2):
        filesystem.pipe_file(f"/bucket/s-{i}.tar", data.replace(b"a.wav", b"a.wav"))
    for source in ("memory://bucket/s-{0..1}.tar", "memory://bucket/s-*.tar", "memory://bucket"):
        recordings = open_recordings(source)
        assert [r.key for r in recordings] == ["s-0/a", "s-1/a"]
        assert read(recordings.source(1)) == b"x" * 1000
