"""What the operating system refuses is one sentence, never a traceback."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mmssl.cli.app import app
from mmssl.cli.refusals import sentence


def refusal(number: int, name: str | None = None) -> OSError:
    return OSError(number, os.strerror(number), name)


def test_names_the_place_and_says_what_to_do() -> None:
    assert sentence(refusal(errno.ENOSPC, "runs/a/log.csv")) == (
        "runs/a/log.csv: No space left on device; make room there or choose another place, then give the same command "
        "again"
    )
    assert "ulimit -n" in (sentence(refusal(errno.EMFILE)) or "")
    assert "--debug" in (sentence(refusal(errno.ENXIO)) or "")
    for number in (errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ENOENT):
        assert "--debug" not in (sentence(refusal(number)) or "--debug")
    copied = OSError(errno.ENOSPC, "full", "from.py", None, "to.py")
    assert (sentence(copied) or "").startswith("to.py: ")


def test_what_is_no_refusal_is_not_told() -> None:
    assert sentence(TimeoutError("no number")) is None
    assert sentence(refusal(errno.EPIPE)) is None


@pytest.mark.parametrize("fault", [refusal(errno.ENOSPC, "/full/x"), KeyboardInterrupt()])
def test_the_command_line_ends_with_a_status(
    fault: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise fault

    monkeypatch.setattr("mmssl.data.probe.probe", broken)
    done = CliRunner().invoke(app, ["probe", str(tmp_path / "film.mp4")])
    if isinstance(fault, OSError):
        assert done.exit_code == 1
        assert done.stderr.startswith("mmssl: /full/x: No space left")
        assert done.stderr.count("\n") == 1
    else:
        assert (done.exit_code, done.stderr) == (128 + signal.SIGINT, "")


def test_an_output_that_is_closed_is_no_fault(tmp_path: Path) -> None:
    program = "import sys; sys.stdout = None; from mmssl.cli.app import main; main()"  # as of `mmssl ... >&-`
    command = [sys.executable, "-c", program, "synthesize", str(tmp_path / "w"), "--clips", "1", "--seconds", "0.5"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "Traceback" not in done.stderr


def test_debug_shows_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise refusal(errno.ENOSPC)

    monkeypatch.setattr("mmssl.data.probe.probe", broken)
    done = CliRunner().invoke(app, ["--debug", "probe", str(tmp_path / "film.mp4")])
    assert isinstance(done.exception, OSError)
