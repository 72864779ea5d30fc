"""Several real processes build one archive, are killed, and go on; the whole answers as one index."""

import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mmssl.applications.sharded_index import folders
from mmssl.cli.app import app
from tests.cli.test_search_commands import films, index, run

MMSSL = [sys.executable, "-c", "from mmssl.cli.app import main; main()"]
__all__ = ["films", "index", "run"]  # fixtures


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", **more}


def command(run: Path, films: Path, place: Path) -> list[str]:
    return ["index", str(run), str(films), "--out", str(place), "--device", "cpu", "--save-every", "0"]


def held(place: Path) -> Counter[str]:
    """How often each recording is in, over all folders."""
    found: Counter[str] = Counter()
    for folder in folders(place):
        with sqlite3.connect(folder / "moments.sqlite") as connection:
            found.update(row[0] for row in connection.execute("SELECT key FROM recordings"))
    return found


def answers(place: Path) -> list[dict[str, object]]:
    words = ["search", str(place), "Nummer 圆", "-k", "6", "--json", "--device", "cpu"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    return list(json.loads(done.stdout))


def test_torchrun_of_two(run: Path, films: Path, index: Path, tmp_path: Path) -> None:
    place = tmp_path / "archive"
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    words = [*torchrun, "--no-python", *MMSSL, *command(run, films, place)]
    done = subprocess.run(words, env=environment(), timeout=240, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len(folders(place)) == 2
    assert set(held(place).values()) == {1}
    assert len(held(place)) == 6
    one, both = answers(index), answers(place)
    assert [(row["file"], row["start"]) for row in both] == [(row["file"], row["start"]) for row in one]
    assert [row["score"] for row in both] == pytest.approx([row["score"] for row in one], abs=1e-4)


def test_a_job_array_and_what_changes_afterwards(run: Path, films: Path, tmp_path: Path) -> None:
    place, own = tmp_path / "archive", Path(shutil.copytree(films, tmp_path / "films"))
    runner = CliRunner()

    def array(world: int, *more: str) -> list[str]:
        said = []
        for rank in range(world):
            variables = {"RANK": str(rank), "WORLD_SIZE": str(world)}
            done = runner.invoke(app, [*command(run, own, place), *more], env=variables)
            assert done.exit_code == 0, done.output
            said.append(done.stdout)
        return said

    array(3)
    assert len(folders(place)) == 3
    assert all("0 added, 6 were in already" in said for said in array(3))
    os.utime(own / "clip3.mp4", (1, 1))
    (own / "bad.mp4").write_bytes(b"bad")
    said = array(2)
    assert sum("1 added" in one for one in said) == 1, said
    assert sum("1 recordings could not be read" in one for one in said) == 1, said
    (own / "clip0.mp4").unlink()
    array(1, "--prune")
    assert held(place) == Counter({str(own / f"clip{number}.mp4"): 1 for number in range(1, 6)})
    for variables, message in ((("x", "2"), "RANK is x"), (("2", "2"), "RANK is 2")):
        done = runner.invoke(
            app, command(run, own, place), env=dict(zip(("RANK", "WORLD_SIZE"), variables, strict=True))
        )
        assert done.exit_code == 2
        assert message in done.stderr


def test_one_index_is_no_folder_of_several(run: Path, films: Path, index: Path) -> None:
    done = CliRunner().invoke(app, command(run, films, index), env={"RANK": "0", "WORLD_SIZE": "2"})
    assert done.exit_code == 2
    assert "give a new folder to several processes" in done.stderr


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_killed_twenty_times(run: Path, films: Path, index: Path, tmp_path: Path) -> None:
    """Two processes at once, each killed at a random moment; what is there is whole, the end as undisturbed."""
    draws, place = random.Random(0), tmp_path / "archive"
    words = [*MMSSL, *command(run, films, place)]
    survived = 0
    for _ in range(20):
        started = [
            subprocess.Popen(
                words,
                env=environment(RANK=str(rank), WORLD_SIZE="2"),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
            )
            for rank in range(2)
        ]
        time.sleep(draws.uniform(2.0, 8.0))
        for process in started:
            process.send_signal(signal.SIGKILL)
            _, said = process.communicate(timeout=60)
            survived += process.returncode == 0
            assert process.returncode in (0, -signal.SIGKILL), said
        assert set(held(place).values()) <= {1}
        if held(place):
            answers(place)
            shutil.rmtree(place) if len(held(place)) == 6 else None
    for rank in range(2):
        done = subprocess.run(words, env=environment(RANK=str(rank), WORLD_SIZE="2"), timeout=240, check=True)
        assert done.returncode == 0
    print(f"20 rounds of 2 processes, {survived} had ended before they were killed")
    assert [(row["file"], row["start"]) for row in answers(place)] == [
        (row["file"], row["start"]) for row in answers(index)
    ]
