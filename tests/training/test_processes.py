"""Two real processes of B clips train like one of 2B, with weights whole or divided, and stop together."""

import csv
import json
import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from mmssl.run import Run
from mmssl.training.checkpoint import Checkpoints
from mmssl.training.folder import restore
from mmssl.training.loop import train
from mmssl.training.recipe import Recipe

# In double precision: in single, Adam makes much of gradients that are nothing but rounding.
SETTINGS: dict[str, Any] = {
    "batch_size": 8, "dropout": 0.0, "normalize": True, "double": True, "save_every": 3, "ema": 0.5, "scale": True,
    "accumulate": 2,
}  # fmt: skip
PROGRAM = """
import json, os, signal, sys
from dataclasses import replace
from pathlib import Path
import torch
torch.set_num_threads(1)
torch.distributed.init_process_group("gloo")
from mmssl.errors import TrainingError
from mmssl.training.loop import train
from mmssl.training.recipe import Recipe

page, folder, settings, *ways = sys.argv[1:]
recipe, rank, ends = Recipe(Path(page), json.loads(settings)), int(os.environ["RANK"]), []
for way in ways:
    run, calls = recipe.build(), iter(range(1, 1000))
    if way == "bad":
        run = replace(run, steps=20)
    if way.startswith("sharded"):
        run = replace(run, shard=True, recompute="recompute" in way)
    if way == "resumed":  # what the sharded one left after step 3 goes on whole
        import shutil
        if rank == 0:
            shutil.copytree(Path(folder) / "sharded", Path(folder) / "resumed")
            shutil.rmtree(Path(folder) / "resumed" / "checkpoints" / "step-00000006")
        torch.distributed.barrier()
    if way == "sharded-again":  # and what a whole one left goes on sharded
        if rank == 0:
            shutil.copytree(Path(folder) / "go", Path(folder) / "sharded-again")
            shutil.rmtree(Path(folder) / "sharded-again" / "checkpoints" / "step-00000006")
        torch.distributed.barrier()

    def after_step(progress):
        if next(calls) == 4 and rank == 1:
            if way == "signal":
                os.kill(os.getpid(), signal.SIGTERM)
            if way == "raise":
                raise RuntimeError("an accident on process 1")
            if way == "bad":  # the weights, so every later loss
                run.objective.heads["audio"].weight.data.fill_(float("nan"))

    if way.endswith("nan") and rank == 1:  # one batch of one process
        usual, passes = run.objective.forward, iter(range(1, 1000))

        def forward(batch):
            if next(passes) == 4:
                batch.audio.fill_(float("nan"))
            return usual(batch)

        run.objective.forward = forward
    if way == "terms":  # each process has its own, in its own order
        plain = run.objective.forward

        def with_terms(batch):
            loss, terms = plain(batch)
            own = {"both": torch.tensor(float(rank)), **terms} if rank else {**terms, "both": torch.tensor(0.0)}
            return loss, {**own, f"of_{rank}": torch.tensor(3.0 + rank)}

        run.objective.forward = with_terms
    run.objective.after_step = after_step
    try:
        train(run, Path(folder) / way, recipe=recipe, resume=way in ("resumed", "sharded-again"))
        ends.append("end")
    except (SystemExit, TrainingError) as end:
        ends.append(str(end))
Path(folder, f"ends-{rank}.json").write_text(json.dumps(ends))
torch.distributed.destroy_process_group()
"""


def arguments(page: Path, data: Path, folder: Path, *ways: str) -> list[str]:
    (folder / "program.py").write_text(PROGRAM)
    return [str(folder / "program.py"), str(page), str(folder), json.dumps({"data": str(data), **SETTINGS}), *ways]


ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}


WAYS = (
    "go",
    "signal",
    "bad",
    "sharded",
    "sharded-recompute",
    "resumed",
    "sharded-again",
    "nan",
    "sharded-nan",
    "terms",
)


@pytest.fixture(scope="module")
def two(page: Path, recordings: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of runs of two processes, one a way, and how each process ended them."""
    folder = tmp_path_factory.mktemp("two")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**ENVIRONMENT, "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    command = [sys.executable, *arguments(page, recordings, folder, *WAYS)]
    started = [
        subprocess.Popen(command, env={**environment, "RANK": str(rank)}, stderr=subprocess.PIPE, text=True)
        for rank in range(2)
    ]
    errors = [process.communicate(timeout=200)[1] for process in started]
    assert [process.returncode for process in started] == [0, 0], "\n".join(errors)
    return folder


def ends(folder: Path, way: int) -> list[str]:
    return [json.loads((folder / f"ends-{rank}.json").read_text())[way] for rank in range(2)]


def losses(folder: Path) -> list[float]:
    with (folder / "log.csv").open() as file:
        return [float(row["loss"]) for row in csv.DictReader(file)]


def test_two_processes_equal_one(build: Any, two: Path, tmp_path: Path) -> None:
    assert ends(two, 0) == ["end", "end"]
    recipe: Recipe = build(**SETTINGS)
    train(recipe.build(), tmp_path, recipe=recipe)
    assert losses(two / "go") == pytest.approx(losses(tmp_path), rel=1e-6)
    one, both = (Checkpoints(folder / "checkpoints").read(6).parts["model"] for folder in (tmp_path, two / "go"))
    assert one.keys() == both.keys()
    for name, tensor in one.items():
        torch.testing.assert_close(tensor, both[name], rtol=1e-6, atol=1e-6)


@pytest.mark.fault("R1")
def test_a_signal_to_one_stops_both_after_the_same_step(two: Path) -> None:
    assert ends(two, 1) == ["143", "143"]
    assert Checkpoints(two / "signal" / "checkpoints").steps() == [3, 4]


@pytest.mark.fault("R6")
def test_a_bad_loss_of_one_stops_both(two: Path) -> None:
    first, second = ends(two, 2)
    assert first == second
    assert re.match(r"step 14: the loss is nan, for clips clip\d.* 10 of the last 100", first)
    # Named are the clips of the process whose loss was bad.
    assert len(re.findall(r"clip\d", first)) == SETTINGS["batch_size"] // 2 * SETTINGS["accumulate"]


@pytest.mark.fault("R6")
def test_a_bad_batch_of_one_is_left_out_by_both(two: Path) -> None:
    assert ends(two, WAYS.index("nan")) == ["end", "end"]
    assert [str(loss) == "nan" for loss in losses(two / "nan")] == [False, True, False, False, False, False]
    checkpoint = Checkpoints(two / "nan" / "checkpoints").read(6)
    assert checkpoint.facts["left_out"] == [2]
    assert all(tensor.isfinite().all() for part in checkpoint.parts.values() for tensor in part.values())


def test_terms_that_one_process_lacks_or_orders_otherwise_are_not_mixed(two: Path) -> None:
    assert ends(two, WAYS.index("terms")) == ["end", "end"]
    with (two / "terms" / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [[float(row[name]) for name in ("both", "of_0", "of_1")] for row in rows] == [[0.5, 3.0, 4.0]] * len(rows)
    assert losses(two / "terms") == losses(two / "go")


@pytest.mark.parametrize(
    ("way", "whole"),
    [
        ("sharded", "go"), ("sharded-recompute", "go"), ("resumed", "go"), ("sharded-again", "go"),
        ("sharded-nan", "nan"),
    ],
)  # fmt: skip
def test_sharded_equals_whole_in_losses_weights_moments_and_averages(two: Path, way: str, whole: str) -> None:
    assert ends(two, WAYS.index(way)) == ["end", "end"]
    assert losses(two / way) == pytest.approx(losses(two / whole), rel=1e-6, nan_ok=True)
    one, both = (Checkpoints(two / folder / "checkpoints").read(6).parts for folder in (whole, way))
    assert one.keys() == both.keys() == {"model", "optimizer", "ema"}
    for part, tensors in one.items():
        assert tensors.keys() == both[part].keys()
        for name, tensor in tensors.items():
            torch.testing.assert_close(tensor, both[part][name], rtol=1e-6, atol=1e-9)
    measured = [json.loads((two / folder / "metrics.jsonl").read_text().splitlines()[-1]) for folder in (whole, way)]
    assert measured[1] == pytest.approx(measured[0], rel=1e-6)


def test_what_was_sharded_opens_alone(two: Path, build: Any) -> None:
    run: Run = build(**SETTINGS).build()
    restore(run, two / "sharded")
    averages = Checkpoints(two / "go" / "checkpoints").read(6).parts["ema"]
    torch.testing.assert_close(run.objective.get_parameter("scale.log_scale").detach(), averages["scale.log_scale"])


@pytest.mark.slow
@pytest.mark.fault("R7")
def test_without_torchrun_the_others_end_as_well(page: Path, recordings: Path, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**ENVIRONMENT, "WORLD_SIZE": "3", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    settings = {**SETTINGS, "batch_size": 6, "double": False, "data": str(recordings), "workers": 1}
    command = [sys.executable, *arguments(page, recordings, tmp_path, "raise")[:-2], json.dumps(settings), "raise"]
    started = [
        subprocess.Popen(
            command, env={**environment, "RANK": str(rank)}, stderr=subprocess.PIPE, text=True, start_new_session=True
        )
        for rank in range(3)
    ]
    start = time.perf_counter()
    errors = [process.communicate(timeout=200)[1] for process in started]
    assert time.perf_counter() - start < 60 + 30  # and the time to begin
    assert all(process.returncode != 0 for process in started), errors
    assert "an accident on process 1" in errors[1]
    for process in started:
        with pytest.raises(ProcessLookupError):
            os.killpg(process.pid, 0)  # no worker of it is left


@pytest.mark.slow
@pytest.mark.fault("R7")
def test_under_torchrun_one_that_fails_ends_all_at_once(page: Path, recordings: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command += arguments(page, recordings, tmp_path, "raise")
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False, env=ENVIRONMENT)
    assert done.returncode != 0
    assert "an accident on process 1" in done.stderr
    assert time.perf_counter() - start < 60
    assert Checkpoints(tmp_path / "raise" / "checkpoints").steps() == [3]
