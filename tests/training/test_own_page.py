"""The page of `CONTRIBUTING.md` is a real one: it trains, goes on, and opens from elsewhere."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

import mmssl
from mmssl.cli.app import app

GUIDE = Path(__file__).parents[2] / "CONTRIBUTING.md"


def test_the_page_that_the_guide_shows(recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (page,) = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "own.py").write_text(page)
    monkeypatch.chdir(tmp_path)
    words = ["train", "mine/own.py", "--data", str(recordings), "--out", "runs/own", "--workers", "0"]
    told = CliRunner().invoke(app, ["train", "mine/own.py", "--help"])
    assert "VICReg (Bardes" in told.output
    assert "--lr float" in told.output
    for more in (
        ["--steps", "2", "--batch-size", "4", "--seconds", "0.8", "--held-out", str(recordings)],
        ["--resume"],
    ):
        done = CliRunner().invoke(app, [*words, *more])
        assert done.exit_code == 0, done.output
    assert "held-out/retrieval/video-audio/R@1" in (tmp_path / "runs/own/metrics.jsonl").read_text()
    (tmp_path / "mine" / "own.py").unlink()
    monkeypatch.chdir("/")
    model = mmssl.load(tmp_path / "runs" / "own", "cpu")
    found = [rows for _, rows in model.embed_archive(recordings) if isinstance(rows, dict)]
    assert [rows["video"].shape for rows in found] == [(2, 128)] * 8
