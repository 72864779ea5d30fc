"""A loss or gradient that is not finite: the step is as if it had never been, and too many end the run."""

import csv
import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mmssl.batch import Batch
from mmssl.errors import TrainingError
from mmssl.objective import Terms
from mmssl.run import Optimization, Run
from mmssl.training.checkpoint import Checkpoints
from mmssl.training.guard import Guard
from mmssl.training.loop import train
from mmssl.training.optimizer import make_optimizer
from mmssl.training.recipe import Recipe

NAN, INF = float("nan"), float("inf")


def fail_at(run: Run, steps: Collection[int], bad: float, done: int = 0) -> Run:
    """Features, loss and gradient are bad in these steps, those of a resumed run counted on from `done`."""
    usual = run.objective.forward
    calls = iter(range(done + 1, 1000))

    def forward(batch: Batch) -> tuple[Tensor, Terms]:
        if next(calls) not in steps:
            return usual(batch)
        batch.audio.fill_(bad)
        return usual(batch)

    run.objective.forward = forward  # type: ignore[method-assign]
    return run


def table(folder: Path) -> list[dict[str, str]]:
    with (folder / "log.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.mark.fault("R6")
@pytest.mark.parametrize("bad", [NAN, INF])
@pytest.mark.parametrize("step", [1, 3, 4, 6])
def test_the_step_is_left_out_and_told(
    build: Any, tmp_path: Path, bad: float, step: int, capsys: pytest.CaptureFixture[str]
) -> None:
    train(fail_at(build(ema=0.9, normalize=True).build(), {step}, bad), tmp_path)
    assert f"step {step}: the loss is nan, for clips clip" in capsys.readouterr().out.replace("inf", "nan")
    newest, damaged = Checkpoints(tmp_path / "checkpoints").newest()
    assert newest is not None
    assert not damaged
    assert newest.step == 6
    assert all(tensor.isfinite().all() for part in newest.parts.values() for tensor in part.values())
    assert {float(value) for name, value in newest.parts["optimizer"].items() if name.startswith("step/")} == {5.0}
    (line,) = (tmp_path / "left_out.jsonl").read_text().splitlines()
    assert (json.loads(line)["step"], json.loads(line)["fault"][:11]) == (step, "the loss is")
    assert [row["step"] for row in table(tmp_path)] == list("123456")


@pytest.mark.fault("R6")
def test_nothing_at_all_is_changed_by_it() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
    model.register_buffer("queue", torch.zeros(5))
    optimizer = make_optimizer(model, Optimization())
    guard = Guard(model, optimizer)

    def step(scale: float) -> None:
        guard.watch()
        loss = model(torch.randn(6, 3) * scale).square().mean()
        model.get_buffer("queue").add_(loss.detach())
        loss.backward()
        guard.step(loss.isfinite())
        optimizer.zero_grad()

    step(1)
    before = [t.clone() for t in (*model.state_dict().values(), *optimizer_tensors(optimizer))]
    step(NAN)
    for one, other in zip(before, (*model.state_dict().values(), *optimizer_tensors(optimizer)), strict=True):
        assert torch.equal(one, other)
    step(1)
    assert not torch.equal(before[0], model.state_dict()["0.weight"])
    assert float(model.get_buffer("queue").sum()) > float(before[list(model.state_dict()).index("queue")].sum())


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> list[Tensor]:
    return [tensor for state in optimizer.state.values() for tensor in state.values()]


@pytest.mark.fault("R6")
def test_ten_of_a_hundred_end_the_run_also_when_it_was_stopped_between(build: Any, tmp_path: Path) -> None:
    bad = {3, 5, 6, 8, 9, 11, 12, 14, 15, 17, 18}
    recipe: Recipe = build(steps=30, save_every=10, evaluate_every=0)
    with pytest.raises(TrainingError, match=r"step 17: the loss is nan.*10 of the last 100 .*left_out\.jsonl"):
        train(fail_at(recipe.build(), bad, NAN), tmp_path / "whole", recipe=recipe)
    assert Checkpoints(tmp_path / "whole" / "checkpoints").steps() == [10]
    whole = (tmp_path / "whole" / "left_out.jsonl").read_text()
    assert len(whole.splitlines()) == 10
    # What came after the checkpoint is done again, with the same end after the same step.
    with pytest.raises(TrainingError, match=r"step 17: .*10 of the last 100"):
        train(fail_at(recipe.build(), bad, NAN, done=10), tmp_path / "whole", recipe=recipe, resume=True)
    assert (tmp_path / "whole" / "left_out.jsonl").read_text() == whole


@pytest.mark.fault("R6")
def test_a_step_that_is_left_out_is_resumed_bit_for_bit(build: Any, tmp_path: Path) -> None:
    recipe: Recipe = build(ema=0.9, normalize=True)
    train(fail_at(recipe.build(), {2, 5}, NAN), tmp_path / "whole", recipe=recipe)
    # As after a kill: without what was written after step 4.
    train(fail_at(recipe.build(), {2, 5}, NAN), tmp_path / "parts", recipe=recipe)
    newest = Checkpoints(tmp_path / "parts" / "checkpoints")
    for path in newest.path(6).iterdir():
        path.unlink()
    newest.path(6).rmdir()
    train(fail_at(recipe.build(), {2, 5}, NAN, done=4), tmp_path / "parts", recipe=recipe, resume=True)
    one, other = (Checkpoints(tmp_path / way / "checkpoints").read(6) for way in ("whole", "parts"))
    assert one.facts == other.facts
    for part, tensors in one.parts.items():
        for name, tensor in tensors.items():
            assert torch.equal(tensor, other.parts[part][name]), name


@pytest.mark.fault("R6")
def test_weights_that_are_lost_are_never_saved(build: Any, tmp_path: Path) -> None:
    run: Run = build().build()

    def after_step(progress: float) -> None:
        if progress == 4 / 6:
            run.objective.get_parameter("heads.audio.weight").data[0, 0] = NAN

    run.objective.after_step = after_step  # type: ignore[method-assign]
    with pytest.raises(TrainingError, match=r"step 4: heads\.audio\.weight is not finite; not saved"):
        train(run, tmp_path)
    assert Checkpoints(tmp_path / "checkpoints").steps() == [2]
