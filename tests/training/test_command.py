"""`mmssl train` from the outside: a dry run, a Ctrl-C, and what may follow."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from mmssl.cli.app import app


def mmssl(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


@pytest.mark.fault("R1")
def test_dry_runs_trains_and_obeys_a_signal(page: Path, recordings: Path, tmp_path: Path) -> None:
    words = ["train", str(page), "--data", str(recordings), "--device", "cpu", "--out", str(tmp_path / "run")]
    dry = mmssl(*words, "--dry-run", "--recompute", "--shard")  # the latter is nothing for one process
    assert dry.exit_code == 0, dry.output
    assert "parameters" in dry.output
    assert not (tmp_path / "run").exists()

    command = [sys.executable, "-c", "from mmssl.cli.app import main; main()", *words]
    command += ["--steps", "100000", "--workers", "1"]
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    while process.poll() is None and not list((tmp_path / "run" / "checkpoints").glob("step-*")):
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)  # as Ctrl-C does: the worker gets it as well
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    assert json.loads((tmp_path / "run" / "run.json").read_text())["arguments"]["steps"] == 100_000

    again = mmssl(*words, "--resume", "--steps", "7")
    assert (again.exit_code, "was started with steps 100000, not 7" in again.stderr) == (2, True)
    fresh = mmssl(*words, "--steps", "7")
    assert (fresh.exit_code, "--resume" in fresh.stderr) == (2, True)
