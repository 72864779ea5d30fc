"""Folders as recordings."""

import json
import os
import pickle
from pathlib import Path

import pytest

from mmssl.data.recordings import Caption
from mmssl.data.sources import open_recordings
from mmssl.errors import Fault, MediaError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.MP4", "deep/er/a.mkv", "deep/a.wav", "readme.md", ".hidden.mp4", ".git/x.mp4"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    (tmp_path / "deep/a.json").write_text(json.dumps({"caption": "x", "group": "origin", "truth": [1]}))
    return tmp_path


def test_keys_are_names_without_extension(folder: Path) -> None:
    found = list(open_recordings(str(folder)))
    assert [(r.key, r.extension, r.group) for r in found] == [
        ("b", "mp4", "b"),
        ("deep/a", "wav", "origin"),
        ("deep/er/a", "mkv", "deep/er/a"),
    ]
    assert found[1].captions == (Caption("x"),)
    assert found[1].extra == {"truth": [1]}


def test_source_and_groups(folder: Path) -> None:
    recordings = pickle.loads(pickle.dumps(open_recordings(str(folder))))  # noqa: S301 - our own bytes
    assert recordings.source(0) == str(folder / "b.MP4")
    assert list(recordings.groups()) == [r.group for r in recordings] == ["b", "origin", "deep/er/a"]
    with pytest.raises(IndexError):
        recordings[3]


def test_same_name_with_two_extensions(tmp_path: Path) -> None:
    for name in ("a.mp4", "a.wav", "a.txt"):
        (tmp_path / name).write_text("hi")
    found = list(open_recordings(str(tmp_path)))
    assert [(r.key, r.group) for r in found] == [("a", "a"), ("a.wav", "a")]
    assert [r.captions for r in found] == [(Caption("hi"),)] * 2
    (tmp_path / "a.wav.mp4").touch()
    keys = [r.key for r in open_recordings(str(tmp_path))]
    assert len(set(keys)) == 3


def test_a_bad_description_is_told_for_its_recording_only(folder: Path) -> None:
    (folder / "deep/a.json").write_text("{")
    recordings = open_recordings(str(folder))
    assert recordings[0].key == "b"
    with pytest.raises(MediaError) as caught:
        recordings[1]
    assert caught.value.fault is Fault.TEXT
    assert caught.value.name.endswith("deep/a.json")
    assert list(recordings.groups()) == ["b", "deep/a", "deep/er/a"]


def test_links_are_followed_once(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    (other / "c.mp4").touch()
    (folder / "linked").symlink_to(other)
    (folder / "deep/up").symlink_to(folder)
    (folder / "dangling.mp4").symlink_to(folder / "nowhere")
    recordings = open_recordings(str(folder))
    assert [r.key for r in recordings] == ["b", "dangling", "deep/a", "deep/er/a", "linked/c"]
    assert len(recordings.fingerprint()) == 64


def test_fingerprint_follows_keys_and_sizes(folder: Path) -> None:
    before = open_recordings(str(folder)).fingerprint()
    assert open_recordings(str(folder)).fingerprint() == before
    os.utime(folder / "b.MP4", (1, 1))
    assert open_recordings(str(folder)).fingerprint() == before
    (folder / "deep/a.json").write_text("{}")
    changed = open_recordings(str(folder)).fingerprint()
    (folder / "b.MP4").write_bytes(b"")
    assert len({before, changed, open_recordings(str(folder)).fingerprint()}) == 3


def test_odd_names(tmp_path: Path) -> None:
    names = ["-dash.mp4", "with space.mp4", "%20.mp4", "ünï.mp4", "日本.mp4", "a.b.c.mp4", os.fsdecode(b"\xff.mp4")]
    for name in names:
        (tmp_path / name).touch()
    (tmp_path / "a.b.c.txt").write_text("dots")
    recordings = open_recordings(str(tmp_path))
    assert {r.key for r in recordings} == {name.removesuffix(".mp4") for name in names}
    assert [r.captions for r in recordings if r.key == "a.b.c"] == [(Caption("dots"),)]
    assert len(recordings.fingerprint()) == 64
