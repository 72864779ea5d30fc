"""Captions beside a file, and what is said of those that cannot be read."""

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmssl.data.captions import captions_beside, described_beside
from mmssl.data.recordings import Caption
from mmssl.data.subtitles import subtitles
from mmssl.data.text import clean
from mmssl.errors import Fault, MediaError


def write(folder: Path, **files: str | bytes) -> Path:
    for name, content in files.items():
        data = content.encode() if isinstance(content, str) else content
        (folder / name.replace("__", ".")).write_bytes(data)
    return folder / "a.mp4"


def test_all_kinds(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        a__json='{"captions": ["one", {"text": "zwei", "language": "de", "start": 1, "end": 2}], "caption": "three"}',
        a__txt=b"\xef\xbb\xbfa line\r\n\r\nanother\r\n",
        a__en__srt="1\n00:00:01,500 --> 00:01:02,000\n<i>Hello</i>\nworld\n",
        a__vtt="WEBVTT\nLanguage: ru\n\nNOTE no cue\n\nid\n00:01.000 --> 01:00:02.500 align:left\nfish &amp; chips\n",
    )
    assert captions_beside(path) == (
        Caption("one"),
        Caption("zwei", "de", 1.0, 2.0),
        Caption("three"),
        Caption("Hello world", "en", 1.5, 62.0),
        Caption("a line"),
        Caption("another"),
        Caption("fish & chips", "ru", 1.0, 3602.5),
    )


def test_none_beside(tmp_path: Path) -> None:
    assert captions_beside(tmp_path / "a.mp4") == ()
    assert captions_beside(tmp_path / "nowhere" / "a.mp4") == ()


def test_a_caption_is_kept_once(tmp_path: Path) -> None:
    path = write(tmp_path, a__json='{"caption": "same"}', a__txt="same\nother\n")
    assert [caption.text for caption in captions_beside(path)] == ["same", "other"]


def test_language_in_the_name_or_another_file(tmp_path: Path) -> None:
    path = write(tmp_path, a__fr__txt="oui", a__en__txt="yes", a__part2__txt="no")
    assert captions_beside(path) == (Caption("yes", "en"), Caption("oui", "fr"))
    (tmp_path / "a.en.mp4").touch()
    assert captions_beside(path) == (Caption("oui", "fr"),)
    assert captions_beside(tmp_path / "a.en.mp4") == (Caption("yes"),)


def test_languages_as_a_table(tmp_path: Path) -> None:
    path = write(tmp_path, a__json='{"captions": {"en": "a dog", "de": ["ein Hund", "Hund"]}}')
    assert captions_beside(path) == (Caption("a dog", "en"), Caption("ein Hund", "de"), Caption("Hund", "de"))


def test_other_fields(tmp_path: Path) -> None:
    path = write(tmp_path, a__json='{"label": 3, "group": "g", "start": "1.5", "end": 2, "truth": {"x": [1]}}')
    found = described_beside(path)
    assert (found.label, found.group, found.start, found.end) == ("3", "g", 1.5, 2.0)
    assert found.extra == {"truth": {"x": [1]}}


def test_a_list_of_labels_is_kept_as_it_is(tmp_path: Path) -> None:
    found = described_beside(write(tmp_path, a__json='{"label": ["dog", "bark"]}'))
    assert (found.label, found.extra) == ("", {"label": ["dog", "bark"]})


@pytest.mark.fault("T1")
@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"a__txt": b"fine\nbad \xff here"}, "line 2"),
        ({"a__json": b'{"caption": "\xe4"}'}, "0xe4"),
        ({"a__json": '{"caption": \n oops}'}, "line 2 column 2"),
        ({"a__json": "[1]"}, "JSON object"),
        ({"a__json": "[" * 100_000}, "nested too deeply"),
        ({"a__json": '{"captions": [3]}'}, "captions[0]"),
        ({"a__json": '{"captions": ["\\ud800"]}'}, "surrogate"),
        ({"a__json": '{"start": "soon"}'}, "'start'"),
        ({"a__json": '{"start": true}'}, "'start'"),
        ({"a__json": '{"end": -1}'}, "'end'"),
        ({"a__json": '{"start": 2, "end": 1}'}, "'end'"),
        ({"a__json": '{"captions": {"text": "x", "start": 3, "end": 3}}'}, "after its start"),
        ({"a__srt": "1\n00:00:01 -> x\n\n2\n00:01 --> later\nhi\n"}, "line 5"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, files: dict[str, str | bytes], said: str) -> None:
    path = write(tmp_path, **files)
    with pytest.raises(MediaError) as caught:
        captions_beside(path)
    assert caught.value.fault is Fault.TEXT
    assert said in str(caught.value)
    assert next(iter(files)).replace("__", ".") in caught.value.name


@pytest.mark.fault("T2")
def test_cues_without_words_or_time_are_left_out() -> None:
    data = b"1\n00:01 --> 00:02\n\n\n2\n00:03 --> 00:03\nno time\n\n3\n00:05,25 --> 00:06,5\n{\\an8}last"
    assert list(subtitles(data, "x.srt")) == [Caption("last", "", 5.25, 6.5)]


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_clean(text: str) -> None:
    once = clean(text)
    assert clean(once) == once == unicodedata.normalize("NFC", once) == once.strip()
    assert not any(unicodedata.category(c) == "Cc" for c in once)


@pytest.mark.fault("T2")
def test_clean_keeps_what_shapes_words() -> None:
    assert clean("  e\u0301\0t\u0007e\u0301 \u2066\n👩‍👧 می‌روم ") == "été 👩‍👧 می‌روم"


@given(st.binary(max_size=200))
def test_any_bytes_are_captions_or_an_error(data: bytes) -> None:
    try:
        found = list(subtitles(data, "x"))
    except MediaError as error:
        found, fault = [], error.fault
    else:
        fault = Fault.TEXT
    assert fault is Fault.TEXT
    assert all(caption.text for caption in found)
