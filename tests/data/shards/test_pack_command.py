"""`mmssl pack` as it is typed, and on real clips."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mmssl.cli.app import app
from mmssl.data.pack import pack
from mmssl.data.sources import open_recordings


def test_pack(tmp_path: Path, tone: Callable[[int], bytes]) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.wav").write_bytes(tone(800))
    (tmp_path / "in/b.mp4").write_bytes(b"no")
    arguments = ["pack", str(tmp_path / "in"), "--out", str(tmp_path / "out"), "--workers", "1"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert "1 recordings" in result.output
    assert "left out 1 (unrecognized)" in result.output
    assert "skipped.jsonl" in result.output
    for more in ([], ["--check"]):
        assert "from an earlier run" in CliRunner().invoke(app, arguments + more).output


def test_a_source_that_is_not_there(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["pack", str(tmp_path / "nowhere"), "--out", str(tmp_path / "out")])
    assert result.exit_code == 2
    assert not (tmp_path / "out").exists()


@pytest.mark.realdata
def test_real_clips(realdata: Path, tmp_path: Path) -> None:
    source = open_recordings(str(realdata / "av"))
    report = pack(str(realdata / "av"), tmp_path / "out", shard_bytes=32 << 20, workers=2)
    assert report.samples == len(source) == 107
    assert not report.skipped
    assert len(json.loads((tmp_path / "out/pack.json").read_text())["shards"]) == len(report.shards) == 3
    packed = open_recordings(str(tmp_path / "out"))
    for i in range(len(packed)):
        with packed.source(i) as file:  # type: ignore[union-attr]
            assert file.read() == Path(str(source.source(i))).read_bytes()
