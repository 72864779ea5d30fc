"""Killed at any step and resumed: the same weights, moments, averages and losses, bit for bit."""

import csv
import json
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from mmssl.batch import Batch
from mmssl.data.loader import training_batches
from mmssl.errors import CheckpointError, Fault, MediaError, UsageError
from mmssl.objective import Objective
from mmssl.run import Run
from mmssl.training.checkpoint import Checkpoints
from mmssl.training.folder import load_run, resumed_recipe
from mmssl.training.loop import train
from mmssl.training.recipe import Recipe

SETTINGS: list[dict[str, Any]] = [
    {"noise": 0.5},
    {"ema": 0.9, "accumulate": 2},
    {"refresh_every": 3, "normalize": True, "precision": "bf16"},
]


def outcome(folder: Path, step: int) -> dict[str, Tensor]:
    parts = Checkpoints(folder / "checkpoints").read(step).parts
    return {f"{part}/{name}": tensor for part, tensors in parts.items() for name, tensor in tensors.items()}


def losses(folder: Path) -> list[tuple[str, ...]]:
    with (folder / "log.csv").open() as file:
        return [tuple(row[name] for name in ("step", "loss", "size", "lr")) for row in csv.DictReader(file)]


def same(one: Path, other: Path, step: int = 6) -> None:
    first, second = outcome(one, step), outcome(other, step)
    assert first.keys() == second.keys()
    for name, tensor in first.items():
        assert torch.equal(tensor, second[name]), name
    assert losses(one) == losses(other)
    assert (one / "metrics.jsonl").read_text() == (other / "metrics.jsonl").read_text()


def at_step(run: Run, step: int, happens: Callable[[], None]) -> Run:
    """Something happens in the middle of a step."""
    calls = iter(range(1, 1000))
    usual: Callable[[Objective, float], None] = type(run.objective).after_step

    def after_step(progress: float) -> None:
        usual(run.objective, progress)
        if next(calls) == step:
            happens()

    run.objective.after_step = after_step  # type: ignore[method-assign]
    return run


class SomeError(Exception):
    pass


def crash() -> None:
    raise SomeError


@pytest.mark.fault("R3")
@pytest.mark.parametrize("settings", SETTINGS)
def test_after_a_crash(build: Any, tmp_path: Path, settings: dict[str, Any]) -> None:
    recipe: Recipe = build(**settings)
    train(recipe.build(), tmp_path / "whole", recipe=recipe)
    with pytest.raises(SomeError):
        train(at_step(recipe.build(), 4, crash), tmp_path / "parts", recipe=recipe)
    assert Checkpoints(tmp_path / "parts" / "checkpoints").steps() == [2]
    torch.rand(5)
    train(recipe.build(), tmp_path / "parts", recipe=recipe, resume=True)
    same(tmp_path / "whole", tmp_path / "parts")


@pytest.mark.fault("R1")
@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGUSR1, 138)])
def test_after_a_signal_and_with_other_workers(build: Any, tmp_path: Path, number: int, status: int) -> None:
    recipe: Recipe = build()
    train(recipe.build(), tmp_path / "whole", recipe=recipe)
    before = signal.getsignal(number)
    run = at_step(replace(recipe.build(), workers=2), 3, lambda: os.kill(os.getpid(), number))
    with pytest.raises(SystemExit) as stopped:
        train(run, tmp_path / "parts", recipe=recipe)
    assert stopped.value.code == status
    assert signal.getsignal(number) is before
    assert Checkpoints(tmp_path / "parts" / "checkpoints").steps() == [2, 3]
    train(recipe.build(), tmp_path / "parts", recipe=recipe, resume=True)
    same(tmp_path / "whole", tmp_path / "parts")


def without(patch: pytest.MonkeyPatch, number: int, happens: Callable[[], None]) -> None:
    """Something happens in place of a batch."""

    def some(*args: Any, **settings: Any) -> Iterator[Batch]:
        yield from islice(training_batches(*args, **settings), number)
        happens()

    patch.setattr("mmssl.training.session.training_batches", some)


def lose() -> None:
    raise MediaError("s3://bucket/a.mp4", Fault.NETWORK, "could not be read")


@pytest.mark.fault("R1", "S4")
@pytest.mark.parametrize(
    ("settings", "number", "steps"), [({}, 3, [2, 3]), ({"accumulate": 2}, 6, [2, 3]), ({"accumulate": 2}, 7, [2])]
)
def test_after_a_storage_went_away(
    build: Any, tmp_path: Path, settings: dict[str, Any], number: int, steps: list[int]
) -> None:
    """What was trained is saved, unless the step has begun."""
    recipe: Recipe = build(**settings)
    train(recipe.build(), tmp_path / "whole", recipe=recipe)
    with pytest.MonkeyPatch.context() as patch:
        without(patch, number, lose)
        with pytest.raises(MediaError):
            train(recipe.build(), tmp_path / "parts", recipe=recipe)
    assert Checkpoints(tmp_path / "parts" / "checkpoints").steps() == steps
    train(recipe.build(), tmp_path / "parts", recipe=recipe, resume=True)
    same(tmp_path / "whole", tmp_path / "parts")


@pytest.mark.fault("R1", "S4")
def test_a_signal_ends_the_wait_for_clips(build: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def wait() -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(60)

    without(monkeypatch, 3, wait)
    begin = time.monotonic()
    with pytest.raises(SystemExit) as stopped:
        train(replace(build().build(), workers=1), tmp_path / "run", recipe=build())
    assert stopped.value.code == 143
    assert time.monotonic() - begin < 30
    assert Checkpoints(tmp_path / "run" / "checkpoints").steps() == [2, 3]


@pytest.mark.fault("R9")
def test_goes_back_to_the_checkpoint_before_a_damaged_one(
    build: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe: Recipe = build()
    train(recipe.build(), tmp_path / "whole", recipe=recipe)
    with pytest.raises(SomeError):
        train(at_step(recipe.build(), 5, crash), tmp_path / "parts", recipe=recipe)
    model = tmp_path / "parts" / "checkpoints" / "step-00000004" / "model.safetensors"
    model.write_bytes(model.read_bytes()[:-1])
    with pytest.raises(CheckpointError, match="damaged"):
        load_run(tmp_path / "parts")
    train(recipe.build(), tmp_path / "parts", recipe=recipe, resume=True)
    assert "warning" in capsys.readouterr().out
    same(tmp_path / "whole", tmp_path / "parts")


def test_says_when_the_surroundings_round_otherwise(
    build: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe: Recipe = build(steps=2)
    train(recipe.build(), tmp_path, recipe=recipe)
    torch.set_num_threads(2)
    try:
        train(recipe.build(), tmp_path, recipe=recipe, resume=True)
    finally:
        torch.set_num_threads(1)
    assert "threads was 1 and is 2" in capsys.readouterr().out


def test_begins_where_there_is_nothing_to_resume(build: Any, tmp_path: Path) -> None:
    recipe: Recipe = build(steps=2)
    train(recipe.build(), tmp_path / "whole", recipe=recipe)
    train(recipe.build(), tmp_path / "other", recipe=recipe, resume=True)
    assert losses(tmp_path / "whole") == losses(tmp_path / "other")


def test_a_finished_run_has_nothing_left_to_do(build: Any, tmp_path: Path) -> None:
    recipe: Recipe = build(steps=2)
    for _ in range(2):
        train(recipe.build(), tmp_path, recipe=recipe, resume=True)
    assert len(losses(tmp_path)) == 2
    assert len((tmp_path / "metrics.jsonl").read_text().splitlines()) == 1


def test_goes_on_with_a_folder_of_a_version_with_fewer_settings(build: Any, tmp_path: Path) -> None:
    recipe: Recipe = build(steps=2)
    train(recipe.build(), tmp_path, recipe=recipe)
    content = json.loads((tmp_path / "run.json").read_text())
    del content["optimization"]["compile"]
    (tmp_path / "run.json").write_text(json.dumps(content))
    train(recipe.build(), tmp_path, recipe=recipe, resume=True)
    content["optimization"]["lr"] = 7
    (tmp_path / "run.json").write_text(json.dumps(content))
    with pytest.raises(UsageError, match="optimization"):
        train(recipe.build(), tmp_path, recipe=recipe, resume=True)


def test_computing_again_instead_of_keeping_may_change_on_the_way(build: Any, tmp_path: Path) -> None:
    recipe: Recipe = build(normalize=True)
    run: Run = recipe.build()
    train(recipe.build(), tmp_path / "whole", recipe=recipe)
    with pytest.raises(SomeError):
        train(at_step(replace(run, recompute=True), 4, crash), tmp_path / "parts", recipe=recipe)
    train(recipe.build(), tmp_path / "parts", recipe=recipe, resume=True)
    same(tmp_path / "whole", tmp_path / "parts")


@pytest.mark.fault("R9")
def test_refuses_another_run(build: Any, tmp_path: Path) -> None:
    recipe: Recipe = build(steps=2)
    train(recipe.build(), tmp_path, recipe=recipe)
    with pytest.raises(UsageError, match="--resume"):
        train(recipe.build(), tmp_path, recipe=recipe)
    with pytest.raises(UsageError, match="started with seed 3, not 4"):
        train(build(steps=2, seed=4).build(), tmp_path, resume=True)


@pytest.mark.fault("R9")
def test_refuses_other_data(build: Any, tmp_path: Path, recordings: Path) -> None:
    recipe: Recipe = build(steps=2)
    train(recipe.build(), tmp_path / "run", recipe=recipe)
    fewer = tmp_path / "fewer"
    fewer.mkdir()
    for path in sorted(recordings.iterdir())[:6]:
        (fewer / path.name).symlink_to(path)
    with pytest.raises(UsageError, match=r"was started on other recordings than those of .*fewer"):
        train(build(steps=2, data=str(fewer)).build(), tmp_path / "run", resume=True)


@pytest.mark.fault("R9")
def test_recordings_may_have_moved(build: Any, page: Path, tmp_path: Path, recordings: Path) -> None:
    """On another machine they are elsewhere; their names and sizes tell that they are the same."""
    recipe: Recipe = build()
    train(recipe.build(), tmp_path / "whole", recipe=recipe)
    with pytest.raises(SomeError):
        train(at_step(recipe.build(), 3, crash), tmp_path / "parts", recipe=recipe)
    moved = shutil.copytree(recordings, tmp_path / "moved")
    again = resumed_recipe(tmp_path / "parts", page, {"data": str(moved)})
    train(again.build(), tmp_path / "parts", recipe=again, resume=True)
    same(tmp_path / "whole", tmp_path / "parts")
    with pytest.raises(UsageError, match=r"was started with lr None, not 0\.5"):
        resumed_recipe(tmp_path / "parts", page, {"data": str(moved), "lr": 0.5})


def test_pairs_of_numbers_are_still_the_same(build: Any, tmp_path: Path) -> None:
    """JSON makes lists of them."""
    run: Run = build(steps=2).build()
    run.optimization = replace(run.optimization, betas=(0.9, 0.98))
    train(run, tmp_path)
    train(run, tmp_path, resume=True)
    run.optimization = replace(run.optimization, betas=(0.9, 0.95))
    with pytest.raises(UsageError, match=r"started with optimization .*0\.98"):
        train(run, tmp_path, resume=True)


def test_begins_with_the_weights_of_another_run(build: Any, tmp_path: Path) -> None:
    first: Recipe = build(steps=2, seed=1)
    train(first.build(), tmp_path / "first", recipe=first)
    learnt = load_run(tmp_path / "first").objective.state_dict()
    seen: list[dict[str, Tensor]] = []
    longer: Recipe = build(lr=0.02, ema=0.9)

    def begun(step: int) -> Run:
        run = longer.build()
        forward = run.objective.forward

        def watched(batch: Any) -> Any:
            seen.append({name: tensor.clone() for name, tensor in run.objective.state_dict().items()})
            return forward(batch)

        run.objective.forward = watched  # type: ignore[method-assign]
        return at_step(run, step, crash) if step else run

    # Killed before its first checkpoint, and resumed by a command that names no weights.
    with pytest.raises(SomeError):
        train(begun(1), tmp_path / "longer", recipe=longer, begin_with=tmp_path / "first")
    train(begun(0), tmp_path / "longer", recipe=longer, resume=True)
    for name, tensor in learnt.items():
        assert torch.equal(seen[0][name], tensor), name
        assert torch.equal(seen[1][name], tensor), name
    assert not torch.equal(seen[2]["heads.audio.weight"], learnt["heads.audio.weight"])
    # Once it has a checkpoint it needs the first run no more.
    shutil.rmtree(tmp_path / "first")
    train(longer.build(), tmp_path / "longer", recipe=longer, resume=True)
    assert "Began with the weights of" in (tmp_path / "longer" / "README.md").read_text()
    with pytest.raises(CheckpointError, match="no checkpoint yet"):
        train(longer.build(), tmp_path / "other", recipe=longer, begin_with=tmp_path / "first")
