"""What a source may be, and what is said of one that is none."""

from pathlib import Path

import pytest

from mmssl.data.sources import expand_braces, open_recordings
from mmssl.errors import MediaError, UsageError


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("train/a.mp4", "train/b.wav", "valid/a.mp4", "valid/sub/c.mp4", "note.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "train/b.txt").write_text("caption")
    (tmp_path / "m.jsonl").write_text('{"path": "train/a.mp4", "key": "m"}')
    (tmp_path / "empty").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("source", "keys"),
    [
        ("", ["train/a", "train/b", "valid/a", "valid/sub/c"]),
        ("train", ["a", "b"]),
        ("train/", ["a", "b"]),
        ("train/a.mp4", ["a"]),
        ("valid/*.mp4", ["a"]),
        ("valid/**/*.mp4", ["a", "sub/c"]),
        ("*/*.mp4", ["train/a", "valid/a"]),
        ("t*", ["a", "b"]),
        ("train/*", ["a", "b"]),
        ("m.jsonl", ["m"]),
        ("{train,valid}", ["train/a", "train/b", "valid/a", "valid/sub/c"]),
        ("{train,valid}/*.mp4", ["train/a", "valid/a"]),
    ],
)
def test_sources(tree: Path, source: str, keys: list[str]) -> None:
    recordings = open_recordings(f"{tree}/{source}")
    assert [r.key for r in recordings] == keys == recordings.all_keys()
    assert len(recordings) == len(keys)
    for i in range(len(recordings)):
        assert Path(str(recordings.source(i))).is_file()


def test_relative_to_the_working_folder(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tree / "train")
    assert [r.captions[0].text for r in open_recordings("*.wav")] == ["caption"]
    assert [r.key for r in open_recordings(".")] == ["a", "b"]
    assert [r.key for r in open_recordings("a.mp4")] == ["a"]


def test_several_with_the_same_keys(tree: Path) -> None:
    recordings = open_recordings([f"{tree}/train", f"{tree}/valid", f"{tree}/m.jsonl"])
    assert [r.key for r in recordings] == ["train/a", "train/b", "valid/a", "valid/sub/c", "m.jsonl/m"]
    assert list(recordings.groups()) == [r.group for r in recordings]
    assert recordings[-1].key == "m.jsonl/m"
    with pytest.raises(IndexError):
        recordings[5]
    twice = open_recordings([f"{tree}/train", f"{tree}/train"])
    assert [r.key for r in twice] == ["0/a", "0/b", "1/a", "1/b"]


def test_order_matters_to_the_fingerprint(tree: Path) -> None:
    a, b = f"{tree}/train", f"{tree}/valid"
    assert open_recordings([a, b]).fingerprint() == open_recordings([a, b]).fingerprint()
    assert open_recordings([a, b]).fingerprint() != open_recordings([b, a]).fingerprint()


def test_braces() -> None:
    assert expand_braces("s-{008..010}.tar") == ["s-008.tar", "s-009.tar", "s-010.tar"]
    assert expand_braces("s-{8..10}") == ["s-8", "s-9", "s-10"]
    assert expand_braces("{a,b}{0..1}") == ["a0", "a1", "b0", "b1"]
    assert expand_braces("plain") == ["plain"]


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("tran", "did you mean {tree}/train?"),
        ("train/c.mp4", "did you mean {tree}/train/a.mp4?"),
        ("nowhere/deep/x", "{tree} holds "),
        ("empty", "holds no media files and no .tar shards, but nothing"),
        ("empty/x.tar", "{tree}/empty is empty"),
        ("train/*.mkv", "no data matches"),
        ("note.txt", "is no data"),
        ("x{a}", "neither a range"),
        ("x{3..1}", "must go up"),
        ("x{0..9999999}", "at most"),
        ("{train,valdi}", "did you mean {tree}/valid?"),
    ],
)
def test_what_is_wrong_is_named(tree: Path, source: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        open_recordings(f"{tree}/{source}")
    assert said.format(tree=tree) in str(caught.value)


def test_no_sources() -> None:
    with pytest.raises(UsageError, match="empty"):
        open_recordings([])


def test_unknown_address() -> None:
    with pytest.raises(MediaError, match="is no address that mmssl opens; it opens abfs"):
        open_recordings("nonsense://bucket/x.tar")
