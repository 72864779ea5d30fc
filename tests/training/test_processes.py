"""Two real processes of B clips train like one of 2B, and stop together."""

import csv
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from mmssl.training.checkpoint import Checkpoints
from mmssl.training.loop import train
from mmssl.training.recipe import Recipe

# In double precision: in single, Adam makes much of gradients that are nothing but rounding.
SETTINGS: dict[str, Any] = {"batch_size": 8, "dropout": 0.0, "normalize": True, "double": True, "save_every": 3}
PROGRAM = """
import json, os, signal, sys
from pathlib import Path
import torch
torch.set_num_threads(1)
from mmssl.training.loop import train
from mmssl.training.recipe import Recipe

page, data, folder, how, settings = sys.argv[1:]
recipe = Recipe(Path(page), {"data": data, **json.loads(settings)})
run = recipe.build()
rank, calls = int(os.environ["RANK"]), iter(range(1, 1000))

def after_step(progress):
    if next(calls) == 4 and rank == 1:
        if how == "signal":
            os.kill(os.getpid(), signal.SIGTERM)
        if how == "raise":
            raise RuntimeError("an accident on process 1")
        if how == "bad":
            run.objective.heads["audio"].weight.data.fill_(float("nan"))

run.objective.after_step = after_step
train(run, Path(folder), recipe=recipe)
"""


def two(page: Path, data: Path, folder: Path, how: str) -> list[subprocess.CompletedProcess[str]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "WORLD_SIZE": "2"}
    environment |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    command = [sys.executable, "-c", PROGRAM, str(page), str(data), str(folder), how, json.dumps(SETTINGS)]
    started = [
        subprocess.Popen(
            command,
            env={**environment, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    outputs = [process.communicate(timeout=120) for process in started]
    return [
        subprocess.CompletedProcess(command, process.returncode, *output)
        for process, output in zip(started, outputs, strict=True)
    ]


def losses(folder: Path) -> list[float]:
    with (folder / "log.csv").open() as file:
        return [float(row["loss"]) for row in csv.DictReader(file)]


@pytest.mark.skipif(not torch.distributed.is_gloo_available(), reason="torch without gloo")
def test_two_processes_equal_one(build: Any, page: Path, recordings: Path, tmp_path: Path) -> None:
    for process in two(page, recordings, tmp_path / "two", "go"):
        assert process.returncode == 0, process.stderr
    recipe: Recipe = build(**SETTINGS)
    train(recipe.build(), tmp_path / "one", recipe=recipe)
    assert losses(tmp_path / "two") == pytest.approx(losses(tmp_path / "one"), rel=1e-6)
    one, both = (Checkpoints(tmp_path / name / "checkpoints").read(6).parts["model"] for name in ("one", "two"))
    assert one.keys() == both.keys()
    for name, tensor in one.items():
        torch.testing.assert_close(tensor, both[name], rtol=1e-6, atol=1e-6)


def test_a_signal_to_one_stops_both_after_the_same_step(page: Path, recordings: Path, tmp_path: Path) -> None:
    processes = two(page, recordings, tmp_path / "run", "signal")
    assert [process.returncode for process in processes] == [143, 143], processes[0].stderr
    assert Checkpoints(tmp_path / "run" / "checkpoints").steps() == [3, 4]


def test_a_bad_loss_of_one_stops_both(page: Path, recordings: Path, tmp_path: Path) -> None:
    first, second = two(page, recordings, tmp_path / "run", "bad")
    assert "step 5: the loss is nan, for clips" in second.stderr
    assert "but nan over all processes" in first.stderr
    assert Checkpoints(tmp_path / "run" / "checkpoints").steps() == [3]


@pytest.mark.slow
def test_under_torchrun_one_that_fails_ends_all_at_once(page: Path, recordings: Path, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(program)]
    start = time.perf_counter()
    done = subprocess.run(
        [*command, str(page), str(recordings), str(tmp_path / "run"), "raise", json.dumps(SETTINGS)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
    )
    assert done.returncode != 0
    assert "an accident on process 1" in done.stderr
    assert time.perf_counter() - start < 60
    assert Checkpoints(tmp_path / "run" / "checkpoints").steps() == [3]
