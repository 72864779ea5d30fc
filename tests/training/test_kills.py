"""SIGKILL again and again: the clips, the losses and the weights are those of an undisturbed run."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.fault("R2", "R3")
@pytest.mark.parametrize(
    ("kills", "steps"), [(4, 8), pytest.param(50, 100, marks=[pytest.mark.slow, pytest.mark.timeout(900)])]
)
def test_files_and_shards_with_0_1_2_and_4_workers(kills: int, steps: int, record_property: Any) -> None:
    record_property("cases", kills)
    command = [sys.executable, "-m", "benchmarks.kills", "--kills", str(kills), "--steps", str(steps)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, check=False)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    found = re.search(r"(\d+) kills, 0 differences", done.stdout)
    assert found is not None
    assert int(found[1]) >= kills - 1  # the last attempt before the end may come to its end first
