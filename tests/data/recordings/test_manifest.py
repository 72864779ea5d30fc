"""CSV and JSONL manifests."""

import json
import pickle
from pathlib import Path

import pytest

from mmssl.data.recordings import Caption
from mmssl.data.sources import open_recordings
from mmssl.errors import Fault, MediaError, UsageError

CSV = """path,captions,language,start,end,label,group,source
v/a.mp4,"a dog, barking",en,0,2.5,dog,,web
v/a.mp4,"[""one"", ""two""]",de,2.5,5,,,
v/b.mp4,"two
lines",,,,,g,
"""


def manifest(folder: Path, text: str, name: str = "m.csv") -> str:
    (folder / name).write_text(text, encoding="utf-8")
    return str(folder / name)


def test_csv(tmp_path: Path) -> None:
    recordings = pickle.loads(pickle.dumps(open_recordings(manifest(tmp_path, CSV))))  # noqa: S301 - our own bytes
    a, a2, b = recordings
    assert (a.key, a.start, a.end, a.label, a.group) == ("v/a#0", 0.0, 2.5, "dog", "v/a")
    assert (a.captions, a.extra) == ((Caption("a dog, barking", "en"),), {"source": "web"})
    assert (a2.key, a2.group) == ("v/a#2.5", "v/a")
    assert a2.captions == (Caption("one", "de"), Caption("two", "de"))
    assert (b.key, b.group, b.captions) == ("v/b", "g", (Caption("two lines"),))
    assert recordings.source(1) == str(tmp_path / "v/a.mp4")
    assert list(recordings.groups()) == ["v/a", "v/a", "g"]


def test_jsonl_says_the_same(tmp_path: Path) -> None:
    rows = [
        {"path": "v/a.mp4", "caption": "a dog, barking", "language": "en", "start": 0, "end": 2.5, "label": "dog"},
        {"path": "v/a.mp4", "captions": ["one", "two"], "language": "de", "start": 2.5, "end": 5},
        {"path": "v/b.mp4", "captions": [{"text": "two lines"}], "group": "g", "nested": {"x": "\u2028"}},
    ]
    lines = "\n\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    found = open_recordings(manifest(tmp_path, lines, "m.jsonl"))
    from_csv = open_recordings(manifest(tmp_path, CSV))
    for a, b in zip(found, from_csv, strict=True):
        assert (a.key, a.captions, a.start, a.end, a.label, a.group) == (
            b.key,
            b.captions,
            b.start,
            b.end,
            b.label,
            b.group,
        )
    assert found[2].extra == {"nested": {"x": "\u2028"}}


def test_captions_beside_where_the_row_has_none(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").touch()
    (tmp_path / "a.srt").write_text("1\n00:00 --> 00:01\nfirst\n\n2\n00:05 --> 00:06\nlater\n")
    recordings = open_recordings(manifest(tmp_path, "path,start,end\na.mp4,0,2\na.mp4,4,8\n"))
    assert [c.text for r in recordings for c in r.captions] == ["first", "later"]


def test_own_keys_and_absolute_paths(tmp_path: Path) -> None:
    recordings = open_recordings(manifest(tmp_path, f"key,path\nx,{tmp_path}/a.mp4\ny,{tmp_path}/a.mp4\n"))
    assert [r.key for r in recordings] == ["x", "y"]
    assert recordings.source(1) == f"{tmp_path}/a.mp4"


def test_fingerprint(tmp_path: Path) -> None:
    path = manifest(tmp_path, "path,label\na.mp4,x\n")
    before = open_recordings(path).fingerprint()
    assert open_recordings(path).fingerprint() == before
    (tmp_path / "a.mp4").touch()
    assert open_recordings(path).fingerprint() != before
    assert open_recordings(manifest(tmp_path, "path,label\na.mp4,y\n")).fingerprint() != before


@pytest.mark.fault("T3")
@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("m.csv", "", "no column 'path'"),
        ("m.csv", "path\n", "no rows"),
        ("m.csv", "pth,label\nx,y\n", "pth"),
        ("m.csv", "path,label,label\nx,y,z\n", "'label' twice"),
        ("m.csv", "path,label\nx,y\nx,y,z\n", "line 3 has 3 fields"),
        ("m.csv", 'path,label\n"x\ny",1\nz\n', "line 4 has 1 fields"),
        ("m.csv", "path,start\na.mp4,0\nb.mp4,one\n", "line 3: field 'start'"),
        ("m.csv", "path,start,end\na.mp4,2,1\n", "line 2: field 'end'"),
        ("m.csv", "path,label\n,y\n", "line 2: field 'path'"),
        ("m.csv", "path\na.mp4\na.mp4\n", "line 3: key 'a' is already that of line 2"),
        ("m.csv", "key,path\nk,a.mp4\nk,b.mp4\n", "line 3: key 'k'"),
        (
            "m.csv",
            "path,caption\na.mp4,x\na.mp4,y\n",
            'all captions in one row, such as ["a", "b"] or {"en": ["a", "b"]}',
        ),
        ("m.csv", 'path\n"a.mp4\n', "is not CSV"),
        ("m.jsonl", "\n\n", "no rows"),
        ("m.jsonl", '{"path": "a.mp4"}\n{"path"}\n', "line 2 is not JSON"),
        ("m.jsonl", '["a.mp4"]\n', "line 1 must be a JSON object"),
        ("m.jsonl", '{"file": "a.mp4"}\n', "the row has file"),
        ("m.jsonl", '{"path": 3}\n', "field 'path'"),
        ("m.jsonl", '{"path": "a.mp4", "captions": [1]}\n', "captions[0]"),
        ("m.jsonl", '{"path": "a.mp4", "key": ""}\n', "field 'key'"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, name: str, text: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        open_recordings(manifest(tmp_path, text, name))
    assert said in str(caught.value)
    assert name in str(caught.value)


@pytest.mark.fault("T1")
def test_not_utf8(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_bytes(b"path,label\na.mp4,\xe9\n")
    with pytest.raises(MediaError, match="line 2") as caught:
        open_recordings(str(tmp_path / "m.csv"))
    assert caught.value.fault is Fault.TEXT


@pytest.mark.fault("T1")
def test_byte_order_mark_and_windows_lines(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_bytes(b"\xef\xbb\xbfpath,label\r\na.mp4,x\r\n")
    assert open_recordings(str(tmp_path / "m.csv"))[0].label == "x"


def test_captions_of_one_row_by_language(tmp_path: Path) -> None:
    told = manifest(
        tmp_path, 'path,captions\na.mp4,"{""en"": [""a dog"", ""a hound""], ""de"": ""ein Hund""}"\n', "m.csv"
    )
    captions = open_recordings(told)[0].captions
    assert captions == (Caption("a dog", "en"), Caption("a hound", "en"), Caption("ein Hund", "de"))
