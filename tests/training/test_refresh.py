"""What a refresh finds and renews: killed at any step, on two processes, with recordings that cannot be read."""

import csv
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from mmssl.errors import CheckpointError, UsageError
from mmssl.run import Run
from mmssl.training.checkpoint import Checkpoints
from mmssl.training.folder import load_run
from mmssl.training.loop import train
from mmssl.training.recipe import Recipe
from mmssl.training.state import load_weights

PAGE, REMEMBERED = (Path(__file__).with_name(name) for name in ("clustered.py", "remembered.py"))
LABELS = [f"lessons.teachers.{modality}.labels" for modality in ("video", "audio")]
PROGRAM = """
import sys, torch
from pathlib import Path
torch.set_num_threads(1)
torch.distributed.init_process_group("gloo")
from mmssl.training.loop import train
from mmssl.training.recipe import Recipe
recipe = Recipe(Path(sys.argv[1]), {"data": sys.argv[2], "steps": 4})
train(recipe.build(), Path(sys.argv[3]), recipe=recipe)
torch.distributed.destroy_process_group()
"""


@pytest.fixture(scope="module")
def recipe(recordings: Path, tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    """Eight recordings, and between them one that cannot be read."""
    folder = tmp_path_factory.mktemp("with-a-broken-one")
    for path in recordings.iterdir():
        shutil.copy(path, folder)
    (folder / "clip3-broken.mp4").write_bytes(b"no film")
    return Recipe(PAGE, {"data": str(folder)})


def undisturbed(recipe: Recipe, factory: pytest.TempPathFactory) -> Path:
    folder = factory.mktemp("whole")
    train(recipe.build(), folder, recipe=recipe)
    return folder


@pytest.fixture(scope="module")
def whole(recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return undisturbed(recipe, tmp_path_factory)


@pytest.fixture(scope="module")
def remembered(recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> tuple[Recipe, Path]:
    memories = Recipe(REMEMBERED, recipe.arguments)
    return memories, undisturbed(memories, tmp_path_factory)


class SomeError(Exception):
    pass


def broken_off(run: Run, step: int) -> Run:
    """An accident after a step."""
    calls, usual = iter(range(1, 100)), type(run.objective).after_step

    def after_step(progress: float) -> None:
        usual(run.objective, progress)
        if next(calls) == step + 1:
            raise SomeError

    run.objective.after_step = after_step  # type: ignore[method-assign]
    return run


def losses(folder: Path) -> list[tuple[str, str]]:
    with (folder / "log.csv").open() as file:
        return [(row["step"], row["loss"]) for row in csv.DictReader(file)]


def outcome(folder: Path, step: int) -> dict[str, Tensor]:
    parts = Checkpoints(folder / "checkpoints").read(step).parts
    return {f"{part}/{name}": tensor for part, tensors in parts.items() for name, tensor in tensors.items()}


def same_when_broken_off(recipe: Recipe, whole: Path, parts: Path, step: int) -> dict[str, Tensor]:
    """What it comes to, which is equal bit for bit, as are the losses on the way."""
    with pytest.raises(SomeError):
        train(broken_off(recipe.build(), step), parts, recipe=recipe)
    assert Checkpoints(parts / "checkpoints").steps()[-1] == step
    torch.rand(5)
    train(recipe.build(), parts, recipe=recipe, resume=True)
    last = recipe.build().steps
    one, other = outcome(whole, last), outcome(parts, last)
    assert one.keys() == other.keys()
    for name, tensor in one.items():
        assert torch.equal(tensor, other[name]), name
    assert losses(whole) == losses(parts)
    return one


@pytest.mark.fault("R3")
@pytest.mark.parametrize("step", [2, 3])
def test_broken_off_within_a_round_and_at_its_end(recipe: Recipe, whole: Path, tmp_path: Path, step: int) -> None:
    same_when_broken_off(recipe, whole, tmp_path, step)


@pytest.mark.fault("R3")
@pytest.mark.parametrize("step", [2, 3, 4, 6])
def test_memories_and_what_agrees_are_as_if_never_broken_off(
    remembered: tuple[Recipe, Path], tmp_path: Path, step: int
) -> None:
    found = same_when_broken_off(*remembered, tmp_path, step)
    # There was something to keep.
    assert found["model/positives"].min() >= 0
    assert (found["model/partition"] > 0).all()
    fresh = remembered[0].build().objective.get_buffer("memories.video.rows")
    assert (found["model/memories.video.rows"] != fresh).any(1).sum() == 8


def test_the_unreadable_has_no_label_and_the_others_keep_theirs(recipe: Recipe, whole: Path) -> None:
    found = outcome(whole, 7)
    names = sorted(path.name for path in Path(str(recipe.arguments["data"])).iterdir())
    for label in LABELS:
        assert [row < 0 for row in found[f"model/{label}"].tolist()] == ["broken" in name for name in names]
    assert int(found["model/lessons.teachers.video.rounds"]) == 3


def test_heads_begin_without_moments_and_average(recipe: Recipe, whole: Path) -> None:
    found = outcome(whole, 7)  # one step after the third round began
    head = "lessons.heads.video_from_audio.weight"
    assert found[f"optimizer/step/{head}"] == 1
    assert all(count == 7 for name, count in found.items() if name.startswith("optimizer/step/encoders"))
    decay, now = min(0.5, 7 / 16), found[f"model/{head}"]
    drawn = torch.randn(now.shape, generator=torch.Generator().manual_seed(2 * 3)) * 0.01
    torch.testing.assert_close(found[f"ema/{head}"], decay * drawn + (1 - decay) * now)


def test_a_model_is_loaded_with_its_labels(whole: Path) -> None:
    weights, objective = outcome(whole, 7), load_run(whole).objective
    for label in LABELS:
        assert torch.equal(objective.get_buffer(label), weights[f"model/{label}"])
    other = {**objective.state_dict(), LABELS[0]: torch.zeros(9, 2, dtype=torch.int32)}
    with pytest.raises(CheckpointError, match=r"is \(9, 2\) torch.int32, not \(0,\)"):
        load_weights(Recipe(PAGE, {"data": "x"}).build().objective, other, "here")


def test_divided_weights_are_refused(recipe: Recipe) -> None:
    with pytest.raises(UsageError, match="refreshes"):
        replace(recipe.build(), shard=True)


@pytest.fixture
def two(recipe: Recipe, tmp_path: Path) -> Callable[[], Path]:
    def run() -> Path:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        around = {**os.environ, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2"}
        arguments = [str(PAGE), str(recipe.arguments["data"]), str(tmp_path / "two")]
        processes = [
            subprocess.Popen([sys.executable, "-c", PROGRAM, *arguments], env={**around, "RANK": str(rank)})
            for rank in range(2)
        ]
        try:
            assert [process.wait(120) for process in processes] == [0, 0]
        finally:
            for process in processes:
                process.kill()
        return tmp_path / "two"

    return run


def test_two_processes_find_the_clusters_of_one(recipe: Recipe, two: Callable[[], Path], tmp_path: Path) -> None:
    alone = Recipe(PAGE, {**recipe.arguments, "steps": 4})
    train(alone.build(), tmp_path / "one", recipe=alone)
    one, both = outcome(tmp_path / "one", 4), outcome(two(), 4)
    for label in LABELS:
        assert torch.equal(one[f"model/{label}"], both[f"model/{label}"])
    for name, tensor in one.items():
        if name.startswith("model/") and tensor.is_floating_point():
            torch.testing.assert_close(both[name], tensor, rtol=1e-2, atol=1e-3)
