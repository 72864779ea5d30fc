"""The quickstart's whole path, small; that it reaches its numbers is shown by running it."""

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_the_whole_job_in_one_command_twice(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from mmssl.cli.app import main; main()", "quickstart", "--out", str(tmp_path)]
    for _ in range(2):  # the second goes on with what the first made
        done = subprocess.run([*command, "--clips", "64", "--steps", "4"], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    page = (tmp_path / "report.html").read_text()
    assert page.count("data:image/png") >= 6
    assert "data:video/mp4" in page
    assert "$ mmssl train" in done.stdout


def test_help_has_an_example() -> None:
    command = [sys.executable, "-c", "from mmssl.cli.app import main; main()", "quickstart", "--help"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "mmssl quickstart --out quickstart" in told
