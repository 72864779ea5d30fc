"""Homes, caches and temporary folders that cannot be written, and processes that fail, from outside."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mmssl.training.checkpoint import Checkpoints

TRAIN = [sys.executable, "-c", "from mmssl.cli.app import main; main()", "train"]


@pytest.mark.fault("R15")
@pytest.mark.slow
def test_trains_without_a_home_a_cache_or_room_for_temporary_files(
    page: Path, recordings: Path, tmp_path: Path
) -> None:
    # Paths under a file, which nobody can make a folder of, not even root.
    (tmp_path / "file").write_text("")
    nowhere = str(tmp_path / "file" / "nowhere")
    names = ("HOME", "XDG_CACHE_HOME", "TMPDIR", "HF_HOME", "TORCH_HOME", "MPLCONFIGDIR")
    environment = {**os.environ, **dict.fromkeys(names, nowhere), "OMP_NUM_THREADS": "1"}
    words = ["--data", str(recordings), "--steps", "4", "--out", str(tmp_path / "run"), "--device", "cpu"]
    done = subprocess.run(
        [*TRAIN, str(page), *words, "--workers", "2"],
        capture_output=True, text=True, env=environment, cwd=tmp_path, timeout=200, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert Checkpoints(tmp_path / "run" / "checkpoints").steps() == [2, 4]
