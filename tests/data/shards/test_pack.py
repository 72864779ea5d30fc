"""`pack`: what goes in comes out, whatever is stopped or broken on the way."""

import fcntl
import json
import re
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from mmssl.data.pack import pack
from mmssl.data.pack_report import PackReport
from mmssl.data.recordings import Caption, Recording
from mmssl.data.shard_plan import LONGEST_KEY, ShardPlan, safe_keys
from mmssl.data.shard_writer import description, write_shard
from mmssl.data.shards import ShardRecordings
from mmssl.data.sources import open_recordings
from mmssl.errors import MediaError, MmsslError, UsageError

Tone = Callable[[int], bytes]


@pytest.fixture
def source(tmp_path: Path, tone: Tone) -> Path:
    """Six recordings of 2 kB or more, two of them unreadable."""
    folder = tmp_path / "in"
    (folder / "sub").mkdir(parents=True)
    for i in range(4):
        (folder / f"sub/v.{i}.wav").write_bytes(tone(1000 + i))
    truth = {"boxes": [[0.5, 1.0]], "name": "ünï"}
    told = {"captions": [{"text": "ein Ton", "language": "de", "start": 0.5}], "label": "tone", "truth": truth}
    (folder / "sub/v.1.json").write_text(json.dumps(told))
    (folder / "sub/v.2.json").write_text('{"group": "g", "start": 0.01, "end": 0.1, "caption": "whole"}')
    (folder / "sub/v.3.json").write_text("{broken")
    (folder / "noise.mp4").write_bytes(b"noise" * 100)
    return folder


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.tar"))}


def run(source: Path, out: Path, workers: int = 1) -> PackReport:
    return pack(str(source), out, shard_bytes=10_000, workers=workers)


def test_what_goes_in_comes_out(source: Path, tmp_path: Path) -> None:
    report = run(source, tmp_path / "out")
    assert (report.samples, len(report.shards), dict(report.faults)) == (3, 3, {"unrecognized": 1, "text": 1})
    packed = open_recordings(str(tmp_path / "out"))
    before = open_recordings(str(source))
    assert packed.all_keys() == ["sub/v_0", "sub/v_1", "sub/v_2"]
    for i, found in enumerate(packed):
        wanted = before[i + 1]
        assert found.captions == wanted.captions
        assert (found.label, found.start, found.end, found.group) == (
            wanted.label,
            wanted.start,
            wanted.end,
            wanted.group,
        )
        assert found.extra == wanted.extra
        with packed.source(i) as file:  # type: ignore[union-attr]
            assert file.read() == Path(str(before.source(i + 1))).read_bytes()
    assert list(packed.groups()) == ["sub/v.0", "sub/v.1", "g"]


def test_what_is_left_out_is_named(source: Path, tmp_path: Path) -> None:
    run(source, tmp_path / "out")
    rows = [json.loads(row) for row in (tmp_path / "out/skipped.jsonl").read_text().splitlines()]
    assert [(row["key"], row["fault"]) for row in rows] == [("noise", "unrecognized"), ("sub/v_3", "text")]
    assert "v.3.json" in rows[1]["detail"]
    summary = json.loads((tmp_path / "out/pack.json").read_text())
    assert (summary["samples"], summary["skipped"]) == (3, {"text": 1, "unrecognized": 1})
    assert [shard["name"] for shard in summary["shards"]] == sorted(bytes_of(tmp_path / "out"))


def test_bytes_do_not_depend_on_workers_or_time(source: Path, tmp_path: Path) -> None:
    run(source, tmp_path / "one")
    run(source, tmp_path / "two", workers=2)
    assert bytes_of(tmp_path / "one") == bytes_of(tmp_path / "two")
    assert open_recordings(str(tmp_path / "one")).fingerprint() == open_recordings(str(tmp_path / "two")).fingerprint()


def test_goes_on_after_a_kill(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    run(source, out)
    whole, reports = bytes_of(out), (out / "skipped.jsonl").read_bytes()
    times = {name: (out / name).stat().st_mtime_ns for name in whole}
    (out / "shard-000001.tar").unlink()
    (out / "shard-000002.tar").write_bytes(b"half")
    (out / "shard-000001.tar.partial").write_bytes(b"half")
    (out / "pack.json").unlink()
    report = run(source, out)
    assert report.reused == 1
    assert bytes_of(out) == whole
    assert (out / "skipped.jsonl").read_bytes() == reports
    assert not list(out.glob("*.partial"))
    assert (out / "shard-000000.tar").stat().st_mtime_ns == times["shard-000000.tar"]
    assert run(source, out).reused == 3


def test_stopped_in_the_middle(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import mmssl.data.pack as module

    def stop(recordings: ShardRecordings, plan: ShardPlan, out: Path, *others: Any) -> object:
        if plan.start:
            (out / f"{plan.name}.partial").write_bytes(b"half")
            raise KeyboardInterrupt
        return write_shard(recordings, plan, out, *others)

    with monkeypatch.context() as patch:
        patch.setattr(module, "write_shard", stop)
        with pytest.raises(KeyboardInterrupt):
            run(source, tmp_path / "out")
    assert [r.key for r in open_recordings(f"{tmp_path}/out/shard-*.tar")] == ["sub/v_0"]
    assert run(source, tmp_path / "out").reused == 1
    run(source, tmp_path / "whole")
    assert bytes_of(tmp_path / "out") == bytes_of(tmp_path / "whole")


def test_another_source_or_size_is_refused(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(source, out)
    with pytest.raises(UsageError, match="another shard_bytes"):
        pack(str(source), out, shard_bytes=7000, workers=1)
    (source / "new.wav").touch()
    with pytest.raises(UsageError, match="another source"):
        run(source, out)


def test_a_folder_with_other_things_is_refused(source: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/diary.txt").touch()
    with pytest.raises(UsageError, match=r"diary\.txt"):
        run(source, tmp_path / "out")
    with pytest.raises(UsageError, match="outside it"):
        run(source, source / "out")
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot be made"):
        run(source, tmp_path / "file/out")


def test_two_at_once_are_refused(source: Path, tmp_path: Path) -> None:
    (tmp_path / "out/.pack").mkdir(parents=True)
    with (tmp_path / "out/.pack/lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(UsageError, match="another mmssl pack"):
            run(source, tmp_path / "out")


def test_nothing_readable(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.mp4").write_bytes(b"no")
    with pytest.raises(MmsslError, match="none of the 1 recordings can be read"):
        run(tmp_path / "in", tmp_path / "out")
    assert "a" in (tmp_path / "out/skipped.jsonl").read_text()


def test_without_validation_everything_there_is_packed(source: Path, tmp_path: Path) -> None:
    (source / "dangling.mp4").symlink_to(source / "nowhere")
    report = pack(str(source), tmp_path / "out", workers=1, validate=False)
    assert (report.samples, dict(report.faults)) == (4, {"missing": 1, "text": 1})


def test_a_full_disk(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import mmssl.data.shard_writer as module

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "os", SimpleNamespace(fsync=full, SEEK_END=2))
    with pytest.raises(MmsslError, match="No space left") as caught:
        run(source, tmp_path / "out")
    assert not isinstance(caught.value, MediaError)
    assert not bytes_of(tmp_path / "out")


def test_packing_shards_again(source: Path, tmp_path: Path) -> None:
    run(source, tmp_path / "one")
    pack(f"{tmp_path}/one", tmp_path / "two", workers=1)
    one, two = open_recordings(f"{tmp_path}/one"), open_recordings(f"{tmp_path}/two")
    assert list(one) == list(two)


def test_clips_of_one_file(tmp_path: Path, tone: Tone) -> None:
    (tmp_path / "a.wav").write_bytes(tone(8000))
    (tmp_path / "m.csv").write_text("path,start,end,caption\na.wav,0,0.5,one\na.wav,0.5,1,two\n")
    pack(f"{tmp_path}/m.csv", tmp_path / "out", workers=1)
    found = list(open_recordings(f"{tmp_path}/out"))
    assert [(r.key, r.start, r.end, r.group) for r in found] == [("a#0", 0.0, 0.5, "a"), ("a#0_5", 0.5, 1.0, "a")]
    assert [r.captions for r in found] == [(Caption("one"),), (Caption("two"),)]


def test_progress_is_shown(source: Path, tmp_path: Path) -> None:
    shown = StringIO()
    pack(str(source), tmp_path / "out", workers=1, console=Console(file=shown, force_terminal=True, width=80))
    assert re.search(r"pack.*100|pack.*kB", shown.getvalue())


@settings(max_examples=200)
@given(st.lists(st.text(max_size=LONGEST_KEY + 30), unique=True, max_size=20))
def test_safe_keys(keys: list[str]) -> None:
    safe = safe_keys(keys)
    assert safe == safe_keys(keys)
    assert len(set(safe)) == len(keys)
    for key in safe:
        assert re.fullmatch(r"[^./\0]+(/[^./\0]+)*", key)
        assert len(key) <= LONGEST_KEY + 10
        key.encode()


def test_safe_keys_change_little() -> None:
    keys = ["a/b-c_d 1", "ünï/日本", "v1.2", "v1_2", "../x", "/abs", "__meta__/a", "a\0b\\c"]
    assert safe_keys(keys) == ["a/b-c_d 1", "ünï/日本", "v1_2", "v1_2-2", "_/x", "abs", "_meta__/a", "a_b_c"]


@settings(max_examples=30, deadline=None)
@given(st.dictionaries(st.text(min_size=1), st.binary(max_size=2000), min_size=1, max_size=5))
def test_any_keys_and_bytes(tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes]) -> None:
    folder = tmp_path_factory.mktemp("pack")
    paths = []
    for i, data in enumerate(files.values()):
        paths.append(folder / f"{i}.wav")
        paths[-1].write_bytes(data)
    rows = [json.dumps({"path": path.name, "key": key}) for path, key in zip(paths, files, strict=True)]
    (folder / "m.jsonl").write_text("\n".join(rows))
    report = pack(str(folder / "m.jsonl"), folder / "out", shard_bytes=4000, workers=1, validate=False)
    assert not report.skipped
    packed = open_recordings(str(folder / "out"))
    contents = []
    for i in range(len(packed)):
        with packed.source(i) as file:  # type: ignore[union-attr]
            contents.append(file.read())
    assert contents == list(files.values())
    assert packed.all_keys() == safe_keys(list(files))
    assert list(packed.groups()) == list(open_recordings(str(folder / "m.jsonl")).groups())


def test_description_says_only_what_is_there() -> None:
    assert json.loads(description(Recording("k", "mp4", group="k"), "k")) == {}
    odd = Recording("k", "mp4", (Caption("é"),), group="g", extra={"x": "\ud800", "label": [1]})
    told = description(odd, "k")
    assert json.loads(told) == {"captions": [{"text": "é"}], "group": "g", "x": "\ud800", "label": [1]}
    assert "é".encode() in told
