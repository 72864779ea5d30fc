"""Words of every kind on their whole way, from each form of file into clips, shards and back: exact, or named."""

import io
import json
import unicodedata
import wave
from collections.abc import Callable
from pathlib import Path

import pytest

from mmssl.data.captions import captions_beside
from mmssl.data.clips import Clips
from mmssl.data.hashing import HashTokenizer
from mmssl.data.loader import evaluation_batches
from mmssl.data.pack import pack
from mmssl.data.probe import probe
from mmssl.data.recordings import Caption
from mmssl.data.skipped import Skipped
from mmssl.data.sources import open_recordings
from mmssl.data.tokens import WordTokenizer
from mmssl.errors import Fault, MediaError, MmsslError, UsageError


def tone(path: Path, seconds: float = 2.0) -> Path:
    data = io.BytesIO()
    with wave.open(data, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(range(256)) * round(seconds * 62.5))
    path.write_bytes(data.getvalue())
    return path


# Said, and kept of it: white space joined, controls dropped, letters composed (NFC).
KEPT = {
    "plain": ("a dog barks", "a dog barks"),
    "spaces": ("  a \t dog\u00a0\u3000 ", "a dog"),
    "right to left": ("כלב נובח", "כלב נובח"),
    "both ways": ("the word كلب is dog", "the word كلب is dog"),
    "emoji": ("🐕 👩‍👧 🏳️‍🌈 👍🏽", "🐕 👩‍👧 🏳️‍🌈 👍🏽"),
    "combining": ("e\u0301te\u0301 a\u0323\u0302", unicodedata.normalize("NFC", "e\u0301te\u0301 a\u0323\u0302")),
    "Chinese": ("一只狗在叫", "一只狗在叫"),
    "zero byte": ("a\0dog", "adog"),
    "controls": ("a\x1b[31mdog\x07\x9b", "a[31mdog"),
    "overrides": ("a\u202egod\u202c", "agod"),
    "separators": ("a\u2028dog\u2029barks", "a dog barks"),
    "byte order mark inside": ("a\ufeffdog", "adog"),
    "not a character": ("a\uffffdog\U0010ffff", "a\uffffdog\U0010ffff"),
    "markup of a page": ("a &amp; b", None),  # subtitles are written in HTML, the others are not
    "long": ("dog " * 25_000, ("dog " * 25_000).strip()),
    "long word": ("d" * 100_000, "d" * 100_000),
}
EMPTY = {"nothing": "", "blank": " \t ", "controls alone": "\0\x07\u200b", "marks alone": "\ufeff"}


def written(folder: Path, form: str, said: str) -> Path:
    """A recording that is described in one form; what opens it."""
    tone(folder / "a.wav")
    if form == "txt":
        (folder / "a.txt").write_text(said, encoding="utf-8", newline="")
    elif form == "json":
        (folder / "a.json").write_text(json.dumps({"captions": [said]}), encoding="utf-8")
    elif form == "raw json":
        (folder / "a.json").write_text(json.dumps({"caption": said}, ensure_ascii=False), encoding="utf-8")
    elif form in ("srt", "vtt"):
        head = "WEBVTT\n\n" if form == "vtt" else "1\n"
        text = f"{head}00:00:00.500 --> 00:00:01.500\n{said}\n"
        (folder / f"a.{form}").write_text(text, encoding="utf-8", newline="")
    elif form == "jsonl":
        (folder / "m.jsonl").write_text(json.dumps({"path": "a.wav", "caption": said}) + "\n")
        return folder / "m.jsonl"
    else:
        quoted = said.replace('"', '""')
        (folder / "m.csv").write_text(f'path,caption\na.wav,"{quoted}"\n', encoding="utf-8", newline="")
        return folder / "m.csv"
    return folder / "a.wav"


FORMS = ("txt", "json", "raw json", "srt", "vtt", "jsonl", "csv")


@pytest.mark.fault("T1", "T2")
@pytest.mark.parametrize("form", FORMS)
def test_what_is_said_is_kept(tmp_path: Path, form: str, record_property: Callable[..., None]) -> None:
    record_property("cases", len(KEPT))
    for number, (name, (said, kept)) in enumerate(KEPT.items()):
        folder = tmp_path / str(number)
        folder.mkdir()
        if kept is None:
            kept = "a & b" if form in ("srt", "vtt") else said
        place = written(folder, form, said)
        ((found, *others),) = (recording.captions for recording in open_recordings(str(place)))
        assert (found.text, others) == (kept, []), (form, name)
        timed = form in ("srt", "vtt")
        assert (found.start, found.end) == ((0.5, 1.5) if timed else (None, None))
        # Into a shard and back, and from there into a clip.
        pack(str(place), folder / "shards", workers=1)
        again = open_recordings(str(folder / "shards"))
        assert again[0].captions == (found,), (form, name)
        clips = Clips(source=str(folder / "shards"), seconds=1.0, frames=0, words=8, tokenizer=HashTokenizer(64))
        (batch,) = evaluation_batches(clips.open(), 1)
        assert batch.text_valid.all() == bool(HashTokenizer(64)([kept], 8).ge(0).any())
        assert batch.text.shape == (1, 1, 8)  # cut at the tokenizer's limit


@pytest.mark.fault("T2")
@pytest.mark.parametrize("form", FORMS)
def test_empty_is_no_caption(tmp_path: Path, form: str, record_property: Callable[..., None]) -> None:
    record_property("cases", len(EMPTY))
    for number, said in enumerate(EMPTY.values()):
        folder = tmp_path / str(number)
        folder.mkdir()
        place = str(written(folder, form, said))
        assert open_recordings(place)[0].captions == ()
        clips = Clips(source=place, seconds=1.0, frames=0, words=8, tokenizer=HashTokenizer(64))
        (batch,) = evaluation_batches(clips.open(), 1)
        assert not batch.text_valid.any()  # masked, not zeros that stand for words
        assert (batch.text == -1).all()
        skipped = Skipped(limit=1.0)
        strict = Clips(**{**vars(clips), "require": ("text",)})
        assert not list(evaluation_batches(strict.open(), 1, skipped=skipped))
        assert [fault for fault, _ in skipped.reasons.values()] == [Fault.TEXT]


BROKEN = {
    "Latin-1": ("été".encode("latin-1"), "0xe9"),
    "UTF-16": ("a dog".encode("utf-16"), "0xff"),
    "half a pair": (b"a \xed\xa0\x80 dog", "0xed"),
    "cut in a letter": ("a dög".encode()[:-2], "0xc3"),
    "too long a form": (b"a \xc0\xaf dog", "0xc0"),
    "beyond Unicode": (b"a \xf5\x80\x80\x80", "0xf5"),
    "gzip": (b"\x1f\x8b\x08\0\0", "0x8b"),
}


@pytest.mark.fault("T1")
@pytest.mark.parametrize("suffix", ["txt", "json", "srt", "de.vtt"])
def test_what_is_not_utf8_is_named_everywhere(
    tmp_path: Path, suffix: str, record_property: Callable[..., None]
) -> None:
    record_property("cases", len(BROKEN))
    heads = {
        "json": b'{"captions": ["fine",\n"',
        "srt": b"1\n00:01 --> 00:02\n",
        "de.vtt": b"WEBVTT\n00:01 --> 00:02\n",
    }
    head = heads.get(suffix, b"fine\n")
    for number, (content, said) in enumerate(BROKEN.values()):
        folder = tmp_path / str(number)
        folder.mkdir()
        tone(folder / "good.wav")
        path = tone(folder / "a.wav")
        (folder / f"a.{suffix}").write_bytes(head + content + b'"]}')
        line = head.count(b"\n") + 1
        expected = f"byte {said} at offset {len(head) + content.index(int(said, 16))} in line {line} is not UTF-8"
        with pytest.raises(MediaError) as caught:
            captions_beside(path)
        assert (caught.value.fault, Path(caught.value.name).name) == (Fault.TEXT, f"a.{suffix}")
        assert expected in str(caught.value)
        assert any(expected in detail for _, detail in probe(path).broken)
        # In a set it is left out and named; the others stay.
        skipped = Skipped(limit=1.0)
        clips = Clips(source=str(folder), seconds=1.0, frames=0).open()
        assert [key for batch in evaluation_batches(clips, 2, skipped=skipped) for key in batch.keys] == ["good"]
        assert [detail for _, detail in skipped.reasons.values()] == [caught.value.detail]
        report = pack(str(folder), folder.with_suffix(".out"), workers=1)
        assert (report.samples, dict(report.faults)) == (1, {"text": 1})


@pytest.mark.fault("T1")
@pytest.mark.parametrize("name", ["m.csv", "m.jsonl"])
def test_a_manifest_that_is_not_utf8(tmp_path: Path, name: str, record_property: Callable[..., None]) -> None:
    record_property("cases", len(BROKEN))
    tone(tmp_path / "a.wav")
    for content, said in BROKEN.values():
        head = b"path,caption\na.wav," if name == "m.csv" else b'{"path": "a.wav", "caption": "'
        (tmp_path / name).write_bytes(head + content + b'"}\n')
        with pytest.raises(MmsslError, match=f"{name}: byte {said} .* is not UTF-8"):
            open_recordings(str(tmp_path / name))


@pytest.mark.fault("T1")
@pytest.mark.parametrize("form", ["txt", "json", "srt", "vtt", "csv", "jsonl"])
def test_a_byte_order_mark_and_foreign_line_ends_change_nothing(tmp_path: Path, form: str) -> None:
    place = written(tmp_path, form, "a dog")
    before = open_recordings(str(place))[0].captions
    file = place if form in ("csv", "jsonl") else tmp_path / f"a.{form}"
    data = file.read_bytes()
    for ends in (b"\r\n", b"\r"):
        file.write_bytes(b"\xef\xbb\xbf" + data.replace(b"\n", ends))
        if form == "jsonl" and ends == b"\r":
            continue
        assert open_recordings(str(place))[0].captions == before
    assert before[0].text == "a dog"


@pytest.mark.fault("T2")
def test_captions_that_overlap_are_all_kept_and_the_nearest_is_chosen(tmp_path: Path) -> None:
    tone(tmp_path / "a.wav", 6.0)
    cues = [(0.0, 4.0, "first"), (1.0, 2.0, "second"), (1.0, 2.0, "second"), (1.5, 6.0, "third"), (5.0, 5.5, "fourth")]
    text = "".join(f"{i}\n00:00:{a:06.3f} --> 00:00:{b:06.3f}\n{said}\n\n" for i, (a, b, said) in enumerate(cues))
    (tmp_path / "a.srt").write_text(text.replace(".", ","))
    found = captions_beside(tmp_path / "a.wav")
    assert [caption.text for caption in found] == ["first", "second", "third", "fourth"]  # said twice at once is once
    words = WordTokenizer(["first", "second", "third", "fourth"])
    # The middle second of six: from 2.5 on.
    clips = Clips(source=str(tmp_path / "a.wav"), seconds=1.0, frames=0, captions=4, words=1, tokenizer=words)
    (batch,) = evaluation_batches(clips.open(), 1)
    assert batch.text_valid.all()
    assert set(batch.text[0, :2, 0].tolist()) == {1, 3}  # the two that meet it, before those that do not
    assert isinstance(found[0], Caption)


@pytest.mark.fault("T3")
@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("m.csv", "path\r\n", "no rows"),
        ("m.csv", "\n\n", "no column 'path'"),
        ("m.csv", "\ufeff", "no column 'path'"),
        ("m.csv", "Path\na.wav\n", "no column 'path', only Path"),
        ("m.csv", "path;caption\na.wav;x\n", "no column 'path'"),
        ("m.csv", "path,caption\na.wav,x\nb.wav\n", "line 3 has 1 fields"),
        ("m.csv", 'path,caption\na.wav,"x\n', "is not CSV"),
        ("m.csv", "path,key\na.wav,k\nb.wav,k\n", "line 3: key 'k' is already that of line 2"),
        ("m.csv", "path,start,end\na.wav,nan,2\n", "line 2: field 'start'"),
        ("m.csv", "path,start,end\na.wav,1,inf\n", "line 2: field 'end'"),
        ("m.csv", "path,start,end\na.wav,-1,2\n", "line 2: field 'start'"),
        ("m.csv", "path,start,end\na.wav,1,1\n", "line 2: field 'end'"),
        ("m.jsonl", "", "no rows"),
        ("m.jsonl", '{"path": "a.wav"}\n{"path": "b.wav"\n', "line 2 is not JSON"),
        ("m.jsonl", '{"path": "a.wav"} {"path": "b.wav"}\n', "line 1 is not JSON"),
        ("m.jsonl", '{"path": "a.wav"}\nnull\n', "line 2 must be a JSON object"),
        ("m.jsonl", '{"path": null}\n', "line 1: field 'path'"),
        ("m.jsonl", '{"path": ["a.wav"]}\n', "line 1: field 'path'"),
        ("m.jsonl", '{"path": "a\\u0000.wav"}\n', "line 1: field 'path'"),
        ("m.jsonl", '{"path": "a.wav", "language": 3}\n', "line 1: field 'language'"),
        ("m.jsonl", '{"path": "a.wav", "captions": {"de": 1}}\n', "line 1: field 'captions.de'"),
        ("m.jsonl", '{"path": "a.wav", "captions": {"\\ud800": "x"}}\n', "surrogate"),
        ("m.jsonl", '{"path": "a.wav", "label": "\\udfff"}\n', "line 1: field 'label'"),
        ("m.jsonl", '{"path": "a.wav", "x": ' + "9" * 5000 + "}\n", "line 1 is not JSON"),
        ("m.jsonl", '{"path": "a.wav", "x": ' + "[" * 50_000 + "}\n", "line 1 is not JSON"),
    ],
    ids=lambda text: text[:40],
)
def test_manifests_that_are_wrong(tmp_path: Path, name: str, text: str, said: str) -> None:
    tone(tmp_path / "a.wav")
    (tmp_path / name).write_text(text, encoding="utf-8", newline="")
    with pytest.raises(UsageError) as caught:
        open_recordings(str(tmp_path / name))
    assert said in str(caught.value)
    assert str(tmp_path / name) in str(caught.value)


@pytest.mark.fault("T3")
@pytest.mark.parametrize("cell", ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(1)", '=HYPERLINK("http://127.0.0.1")'])
def test_what_a_spreadsheet_would_run_is_text_here(tmp_path: Path, cell: str) -> None:
    """Kept as it is: a caption may begin so, and mmssl opens no spreadsheet."""
    place = written(tmp_path, "csv", cell)
    assert open_recordings(str(place))[0].captions[0].text == cell


@pytest.mark.fault("T3")
def test_rows_whose_files_are_missing_are_named_each(tmp_path: Path) -> None:
    tone(tmp_path / "a.wav")
    (tmp_path / "m.csv").write_text("path\na.wav\nb.wav\nc/../a.wav\n/nowhere/d.wav\n")
    skipped = Skipped(limit=1.0)
    clips = Clips(source=str(tmp_path / "m.csv"), seconds=1.0, frames=0).open()
    assert [key for batch in evaluation_batches(clips, 4, skipped=skipped) for key in batch.keys] == ["a"]
    assert len(skipped.reasons) == 3
    assert {fault for fault, _ in skipped.reasons.values()} == {Fault.MISSING}
