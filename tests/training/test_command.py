"""`mmssl train` from the outside: a dry run, a Ctrl-C, and what may follow."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

MMSSL = [sys.executable, "-c", "from mmssl.cli.app import main; main()"]


def mmssl(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*MMSSL, *words], capture_output=True, text=True, timeout=120, check=False)


def test_trains_dry_runs_resumes_and_obeys_a_signal(page: Path, recordings: Path, tmp_path: Path) -> None:
    words = ["train", str(page), "--data", str(recordings), "--device", "cpu", "--out", str(tmp_path / "run")]
    dry = mmssl(*words, "--dry-run")
    assert dry.returncode == 0, dry.stderr
    assert "parameters" in dry.stdout
    assert not (tmp_path / "run").exists()

    command = [*MMSSL, *words, "--steps", "100000", "--workers", "1"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    log = tmp_path / "run" / "checkpoints"
    while process.poll() is None and not list(log.glob("step-*")):
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)  # as Ctrl-C does: the worker gets it as well
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    assert json.loads((tmp_path / "run" / "run.json").read_text())["arguments"]["steps"] == 100_000

    again = mmssl(*words, "--resume", "--steps", "7")
    assert again.returncode == 2
    assert "was started with steps 100000, not 7" in again.stderr
    fresh = mmssl(*words, "--steps", "7")
    assert fresh.returncode == 2
    assert "--resume" in fresh.stderr
