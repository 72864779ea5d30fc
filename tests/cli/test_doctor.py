"""`mmssl doctor` finds what is broken, and says what to do."""

import json
from pathlib import Path

import av
import pytest
from typer.testing import CliRunner

from mmssl.applications import doctor
from mmssl.applications.doctor import Finding, State, examine
from mmssl.cli.app import app

pytestmark = pytest.mark.fault("X5")


def found() -> dict[str, Finding]:
    return {finding.subject: finding for finding in examine()}


def test_here_it_works() -> None:
    told = CliRunner().invoke(app, ["doctor", "--json"])
    assert told.exit_code == 0, told.output
    states = {each["subject"]: each["state"] for each in json.loads(told.stdout)}
    assert states["decoder pyav"] == states["torch"] == "ok"
    assert "broken" not in states.values()


def test_an_old_decoder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(av, "ffmpeg_version_info", "8.1.1")
    told = CliRunner().invoke(app, ["doctor"])
    assert told.exit_code == 1
    assert "FFmpeg 8.1.1 has known holes: upgrade av" in told.stdout


def test_a_decoder_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "decord", None)
    decoder = found()["decoder decord"]
    assert decoder.state is State.ABSENT
    assert "pip install decord" in decoder.detail


def test_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path.chmod(0o777)
    monkeypatch.setenv("MMSSL_CACHE", str(tmp_path))
    cache = found()["cache"]
    assert cache.state is State.BROKEN
    assert "chmod o-w" in cache.detail
    monkeypatch.setenv("MMSSL_CACHE", str(tmp_path / "new" / "one"))
    tmp_path.chmod(0o755)
    assert found()["cache"].state is State.OK


def test_the_ffmpeg_of_a_wheel() -> None:
    assert doctor._ffmpeg("decord") == "4"
    assert doctor._ffmpeg("numpy") == "unknown"
