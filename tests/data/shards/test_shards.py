"""Shards with random access through an index."""

import io
import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmssl.data.packed_strings import Strings
from mmssl.data.ranges import OPEN, LocalRanges, Slice
from mmssl.data.recordings import Caption
from mmssl.data.shards import ShardRecordings
from mmssl.data.sources import open_recordings
from mmssl.errors import Fault, MediaError, UsageError

Tar = Callable[[Path, dict[str, bytes]], Path]

SAMPLES = {
    "README": b"no sample",
    "a.mp4": b"a" * 1000,
    "a.json": b'{"group": "g", "caption": "x", "truth": {"y": 1}}',
    "a.de.srt": b"1\n00:01 --> 00:02\nhallo\n",
    "d/b.WAV": b"b" * 300,
    "d/b.txt": b"two",
    "c.flac": b"c",
    "c.mkv": b"video first",
    "c.jpg": b"",
}


@pytest.fixture
def shard(tmp_path: Path, tar: Tar) -> Path:
    return tar(tmp_path / "s.tar", SAMPLES)


def content(recordings: ShardRecordings, index: int) -> bytes:
    with recordings.source(index) as file:
        return file.read()


def opened(source: str | Path) -> ShardRecordings:
    return cast(ShardRecordings, open_recordings(str(source)))


def test_samples(shard: Path) -> None:
    recordings = pickle.loads(pickle.dumps(opened(shard)))  # noqa: S301 - our own bytes
    a, b, c = recordings
    assert (a.key, a.extension, a.group, a.extra) == ("a", "mp4", "g", {"truth": {"y": 1}})
    assert a.captions == (Caption("x"), Caption("hallo", "de", 1.0, 2.0))
    assert (b.key, b.extension, b.captions) == ("d/b", "wav", (Caption("two"),))
    assert (c.key, c.extension) == ("c", "mkv")
    assert [content(recordings, i) for i in range(3)] == [b"a" * 1000, b"b" * 300, b"video first"]
    assert list(recordings.groups()) == ["g", "d/b", "c"]
    assert recordings[-1] == c
    with pytest.raises(IndexError):
        recordings[3]


def test_index_is_built_once(shard: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = opened(shard)
    assert shard.with_name("s.tar.index.npz").is_file()
    monkeypatch.setattr("mmssl.data.shard_index_file.build", lambda ranges: pytest.fail(f"built {ranges.name} again"))
    again = opened(shard)
    assert list(again) == list(first)
    assert again.fingerprint() == first.fingerprint()


def test_index_follows_the_shard(shard: Path, tar: Tar) -> None:
    before = opened(shard).fingerprint()
    tar(shard, {"z.mp4": b"z"})
    assert [r.key for r in opened(shard)] == ["z"]
    assert opened(shard).fingerprint() != before


@pytest.mark.fault("S4")
@pytest.mark.parametrize("damage", [b"", b"nonsense", b"PK\x03\x04"])
def test_a_damaged_index_is_built_again(shard: Path, damage: bytes) -> None:
    whole = opened(shard)
    index = shard.with_name("s.tar.index.npz")
    data = index.read_bytes()
    for bad in (damage, data[: len(data) // 2], data[:300] + b"\xff\xff\xff" + data[303:]):
        index.write_bytes(bad)
        assert list(opened(shard)) == list(whole)
        assert content(opened(shard), 1) == b"b" * 300


def test_index_of_another_format(shard: Path) -> None:
    whole = opened(shard)
    index = shard.with_name("s.tar.index.npz")
    with np.load(index) as arrays:
        a = dict(arrays)
    told = json.loads(a["told"].tobytes()) | {"format": 99}
    np.savez(index, **{**a, "told": np.frombuffer(json.dumps(told).encode(), np.uint8), "ends": a["ends"][:1]})
    assert list(opened(shard)) == list(whole)


def test_a_place_that_cannot_be_written(shard: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def write(path: Path, data: bytes) -> None:
        if path.parent == shard.parent:
            raise PermissionError
        path.write_bytes(data)

    monkeypatch.setattr("mmssl.data.shard_index_file.write_atomically", write)
    assert len(opened(shard)) == 3
    assert not shard.with_name("s.tar.index.npz").exists()
    assert len(list((cache / "indexes").iterdir())) == 1
    monkeypatch.setattr("mmssl.data.shard_index_file.build", lambda ranges: pytest.fail("built again"))
    assert len(opened(shard)) == 3


@pytest.mark.fault("S1", "S4")
def test_truncated_after_its_index_was_built(shard: Path) -> None:
    early = opened(shard)
    os.truncate(shard, 3000)
    with pytest.raises(MediaError, match=r"s\.tar.*truncated"):
        opened(shard)
    with pytest.raises(MediaError, match=r"s\.tar") as caught:
        content(early, 1)
    assert caught.value.fault is Fault.SHARD
    with pytest.raises(MediaError, match=r"s\.tar") as caught:
        early[1]
    assert caught.value.fault is Fault.SHARD


@pytest.mark.fault("S2")
@pytest.mark.parametrize(
    ("members", "said"),
    [
        (["a.mp4", "b.mp4", "a.json"], "'a' twice or its members apart"),
        (["a.mp4", "a.mp4", "b.mp4"], "'a.mp4' twice"),
    ],
)
def test_keys_and_members_twice(tmp_path: Path, members: list[str], said: str) -> None:
    from mmssl.data.tar import END, header

    (tmp_path / "s.tar").write_bytes(b"".join(header(name, 0) for name in members) + END)
    with pytest.raises(MediaError, match=said):
        opened(tmp_path / "s.tar")


@pytest.mark.fault("S2")
def test_a_sample_without_media(tmp_path: Path, tar: Tar) -> None:
    recordings = opened(tar(tmp_path / "s.tar", {"a.mp4": b"x", "b.json": b"{}", "b.txt": b"gone"}))
    assert (recordings[1].extension, recordings[1].captions) == ("", (Caption("gone"),))
    with pytest.raises(MediaError, match="no video or sound, only json, txt") as caught:
        recordings.source(1)
    assert caught.value.fault is Fault.SHARD


@pytest.mark.fault("S2")
def test_a_bad_description_is_told_for_its_sample_only(tmp_path: Path, tar: Tar) -> None:
    recordings = opened(tar(tmp_path / "s.tar", {"a.mp4": b"x", "a.json": b"{", "b.mp4": b"y"}))
    assert list(recordings.groups()) == ["a", "b"]
    with pytest.raises(MediaError, match=r"s\.tar/a\.json") as caught:
        recordings[0]
    assert caught.value.fault is Fault.TEXT


def test_shards_without_media(tmp_path: Path, tar: Tar) -> None:
    tar(tmp_path / "s.tar", {"a.jpg": b"x", "a.txt": b"y"})
    with pytest.raises(UsageError, match="members are jpg, txt"):
        opened(tmp_path / "s.tar")
    tar(tmp_path / "s.tar", {})
    with pytest.raises(UsageError, match="it is empty"):
        opened(tmp_path / "s.tar")


def test_several_shards(tmp_path: Path, tar: Tar) -> None:
    for i in range(3):
        tar(tmp_path / f"s-{i:03d}.tar", {f"k{i}.wav": bytes([i]), f"l{i}.wav": b""})
    keys = ["k0", "l0", "k1", "l1", "k2", "l2"]
    for source in ("", "/s-{000..002}.tar", "/s-*.tar"):
        recordings = opened(f"{tmp_path}{source}")
        assert [r.key for r in recordings] == keys
        assert [content(recordings, i) for i in (0, 2, 4)] == [b"\0", b"\1", b"\2"]
    with pytest.raises(UsageError, match=r"s-003\.tar; did you mean"):
        opened(f"{tmp_path}/s-{{000..003}}.tar")


def test_shards_with_the_same_keys(tmp_path: Path, tar: Tar) -> None:
    for name in ("s0", "s1"):
        tar(tmp_path / f"{name}.tar", {"000.wav": b"x", "001.wav": b"", "001.json": b'{"group": "shared"}'})
    recordings = opened(tmp_path)
    assert [r.key for r in recordings] == ["s0/000", "s0/001", "s1/000", "s1/001"]
    groups = ["s0/000", "shared", "s1/000", "shared"]
    assert list(recordings.groups()) == groups == [r.group for r in recordings]


def test_shards_beside_files(tmp_path: Path, tar: Tar) -> None:
    tar(tmp_path / "s.tar", {"a.wav": b"x"})
    (tmp_path / "b.wav").write_bytes(b"y")
    assert [r.key for r in open_recordings(str(tmp_path))] == ["a", "b"]


def test_more_shards_than_open_files(tmp_path: Path, tar: Tar) -> None:
    for i in range(200):
        tar(tmp_path / f"{i:03d}.tar", {f"{i}.wav": b"%d" % i})
    recordings = opened(tmp_path)
    before = len(list(Path("/proc/self/fd").iterdir()))
    files: list[BinaryIO] = [recordings.source(i) for i in range(200)]
    assert [file.read() for file in files] == [b"%d" % i for i in range(200)]
    assert len(list(Path("/proc/self/fd").iterdir())) <= max(before, OPEN + 50)


@given(data=st.binary(max_size=400), steps=st.lists(st.tuples(st.integers(0, 2), st.integers(-50, 500)), max_size=20))
def test_a_slice_is_a_file(tmp_path_factory: pytest.TempPathFactory, data: bytes, steps: list[tuple[int, int]]) -> None:
    path = tmp_path_factory.mktemp("slice") / "x"
    path.write_bytes(b"<<<" + data + b">>>")
    part, whole = Slice(LocalRanges(str(path)), 3, len(data)), io.BytesIO(data)
    for whence, offset in steps:
        if offset + (0, whole.tell(), len(data))[whence] < 0:  # BytesIO stops at 0, real files refuse
            with pytest.raises(ValueError, match="before the start"):
                part.seek(offset, whence)
            continue
        expected = whole.seek(offset, whence)
        assert part.seek(offset, whence) == expected
        assert part.read(17) == whole.read(17)
        assert part.tell() == whole.tell()


@given(strings=st.lists(st.text(max_size=12), min_size=1, max_size=40))
def test_hashes_of_strings_are_equal_where_they_are(strings: list[str]) -> None:
    once, again = Strings.pack(strings).hashes(), Strings.pack(strings[::-1]).hashes()[::-1]
    assert np.array_equal(once, again)
    assert len(set(once.tolist())) == len(set(strings))


def test_all_members_of_a_sample(shard: Path) -> None:
    recordings = opened(shard)
    assert {name: bytes(data) for name, data in recordings.members(0).items()} == {
        "mp4": b"a" * 1000,
        "json": SAMPLES["a.json"],
        "de.srt": SAMPLES["a.de.srt"],
    }
    assert [sorted(recordings.members(index)) for index in (1, 2)] == [["WAV", "txt"], ["flac", "jpg", "mkv"]]
