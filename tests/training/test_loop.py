import errno
import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from mmssl.errors import CheckpointError, TrainingError, UsageError
from mmssl.objective import Objective
from mmssl.objectives.contrastive.info_nce import InfoNCE
from mmssl.run import Run
from mmssl.training.checkpoint import Checkpoints
from mmssl.training.dry_run import dry_run
from mmssl.training.folder import load_run, restore
from mmssl.training.loop import train
from mmssl.training.recipe import Recipe


def rows(folder: Path) -> list[str]:
    return (folder / "log.csv").read_text().splitlines()


def test_the_folder_holds_what_rebuilds_the_model(build: Any, tmp_path: Path) -> None:
    recipe: Recipe = build(lr=0.02)
    run = recipe.build()
    numbers = train(run, tmp_path, recipe=recipe)
    assert numbers["weights/training"] == 0
    names = {"recipe.py", "run.json", "README.md", "log.csv", "metrics.jsonl", "tensorboard", "checkpoints", ".lock"}
    assert names == {path.name for path in tmp_path.iterdir()}
    content = json.loads((tmp_path / "run.json").read_text())
    assert content["arguments"]["lr"] == 0.02
    assert {"mmssl", "python", "torch", "av"} <= content["versions"].keys()
    assert len(rows(tmp_path)) == 1 + 6
    assert [json.loads(line)["step"] for line in (tmp_path / "metrics.jsonl").read_text().splitlines()] == [2, 4, 6]
    loaded = load_run(tmp_path)
    assert not loaded.objective.training
    for name, tensor in run.objective.state_dict().items():
        assert torch.equal(tensor, loaded.objective.state_dict()[name]), name


def test_the_card_says_what_the_model_is_and_how_good(build: Any, tmp_path: Path, recordings: Path) -> None:
    class Retrieval:
        def __call__(self, objective: Objective) -> Mapping[str, float]:
            return {"R@1": 0.25, "R@1/low": 0.125, "R@1/high": 0.5, "R@1/chance": 0.01}

    recipe: Recipe = build(steps=2)
    train(replace(recipe.build(), evaluations={"held-out": Retrieval()}), tmp_path, recipe=recipe)
    card = (tmp_path / "README.md").read_text()
    assert "| held-out/R@1 | 0.25 | 0.125 to 0.5 | 0.01 |" in card
    assert "Measured after step 2.\n" in card
    for part in (
        "Agreement: Distance of sight and sound",
        str(recordings),
        "2 of 2 steps",
        f'mmssl.load("{tmp_path}")',
    ):
        assert part in card


def test_the_loop_tells_the_objective_of_its_progress(build: Any, tmp_path: Path) -> None:
    run: Run = build(steps=4, refresh_every=2).build()
    train(run, tmp_path)
    objective: Any = run.objective
    assert objective.progress == [0.25, 0.5, 0.75, 1]
    assert objective.refreshed == 2 * 8


def test_averaged_weights_are_evaluated_kept_and_loaded(build: Any, tmp_path: Path) -> None:
    recipe: Recipe = build(ema=0.9)
    run = recipe.build()
    numbers = train(run, tmp_path, recipe=recipe)
    live, averaged = run.objective.heads["audio"].weight, load_run(tmp_path).objective.heads["audio"].weight
    assert isinstance(averaged, Tensor)
    assert not torch.equal(averaged, live)  # type: ignore[arg-type]
    assert numbers["weights/size"] == float(averaged.detach().norm())


def test_two_batches_of_gradient_equal_one_of_twice_the_size(build: Any, tmp_path: Path) -> None:
    still = {"dropout": 0.0, "centered": True, "steps": 3}
    one, two = build(batch_size=8, **still).build(), build(batch_size=4, accumulate=2, **still).build()
    train(one, tmp_path / "one")
    train(two, tmp_path / "two")
    for name, tensor in one.objective.state_dict().items():
        torch.testing.assert_close(tensor, two.objective.state_dict()[name], rtol=1e-4, atol=1e-5)


def test_a_batch_in_chunks_trains_like_the_batch(build: Any, tmp_path: Path) -> None:
    trained: list[Objective] = []
    for chunk in (0, 3):
        torch.manual_seed(0)
        run: Run = build(batch_size=8, dropout=0.0, steps=3).build()
        encoders: Any = run.objective.encoders
        objective = InfoNCE(video=encoders["video"], audio=encoders["audio"], dim=8)
        plan = replace(run.optimization, chunk=chunk)
        train(replace(run, objective=objective, optimization=plan, evaluations={}), tmp_path / str(chunk))
        assert objective.chunk == chunk
        trained.append(objective)
    for name, tensor in trained[0].state_dict().items():
        torch.testing.assert_close(tensor, trained[1].state_dict()[name], rtol=1e-4, atol=1e-5)
    with pytest.raises(UsageError, match="chunk is 2, but Agreement"):
        train(replace(run, optimization=replace(run.optimization, chunk=2)), tmp_path / "refused")


def test_bfloat16_is_close_to_float32(build: Any, tmp_path: Path) -> None:
    for precision in ("fp32", "bf16"):
        train(build(dropout=0.0, precision=precision).build(), tmp_path / precision)
    last = [float(rows(tmp_path / precision)[-1].split(",")[1]) for precision in ("fp32", "bf16")]
    assert last[0] != last[1]
    assert last[0] == pytest.approx(last[1], rel=0.05)


def test_bfloat16_that_is_emulated_is_told(
    build: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for able in (True, False):
        monkeypatch.setattr("mmssl.training.session.has_bf16", lambda device, able=able: able)
        train(build(steps=1, precision="bf16").build(), tmp_path / str(able))
        assert ("bf16 is emulated by this cpu" in capsys.readouterr().out) == (not able)


@pytest.mark.slow
def test_compiling_changes_no_name_of_the_checkpoint(build: Any, tmp_path: Path) -> None:
    recipe: Recipe = build(compile=True, steps=2)
    train(recipe.build(), tmp_path / "compiled", recipe=recipe)
    plain: Run = build(steps=2).build()
    restore(plain, tmp_path / "compiled")


@pytest.mark.fault("R8")
def test_one_failed_checkpoint_is_told_three_stop(
    build: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from mmssl.training import checkpoint

    calls = iter(range(1, 1000))

    def full(tensors: dict[str, Tensor], path: Path) -> None:
        if next(calls) == 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        save_file(tensors, path)

    monkeypatch.setattr(checkpoint, "save_file", full)
    train(build().build(), tmp_path / "one")
    assert "warning" in capsys.readouterr().out
    assert Checkpoints(tmp_path / "one" / "checkpoints").steps() == [2, 6]

    def never(tensors: dict[str, Tensor], path: Path) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(checkpoint, "save_file", never)
    with pytest.raises(CheckpointError, match="Read-only"):
        train(build(steps=20).build(), tmp_path / "three")
    assert len(rows(tmp_path / "three")) == 1 + 6


def test_a_dry_run_shows_sizes_and_leaves_nothing(
    build: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    dry_run(build(steps=1000).build())
    shown = capsys.readouterr().out
    for part in ("(4, 2, 3, 16, 16) uint8", "(4, 4000) float32", "952 parameters", "memory", "GiB"):
        assert part in shown
    assert list(tmp_path.iterdir()) == []


def test_unreadable_recordings_are_named(build: Any, tmp_path: Path, recordings: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    for path in recordings.iterdir():
        (data / path.name).symlink_to(path)
    (data / "broken.mp4").write_bytes(b"nothing of the kind")
    recipe: Recipe = build(data=str(data), steps=3)
    train(recipe.build(), tmp_path / "run", recipe=recipe)
    assert "broken" in (tmp_path / "run" / "skipped.jsonl").read_text()


@pytest.mark.fault("R11")
def test_weights_of_another_model_are_refused(build: Any, tmp_path: Path) -> None:
    recipe: Recipe = build(steps=2)
    train(recipe.build(), tmp_path, recipe=recipe)
    other: Run = build(normalize=True).build()
    with pytest.raises(CheckpointError, match=r"another model.*norm\.bias"):
        restore(other, tmp_path)
    wider: Run = build().build()
    wider.objective.heads["audio"] = torch.nn.Linear(8, 9)
    with pytest.raises(CheckpointError, match=r"heads\.audio\.weight is \(8, 8\)"):
        restore(wider, tmp_path)


def test_a_folder_that_is_no_run_says_so(tmp_path: Path, build: Any) -> None:
    with pytest.raises(CheckpointError, match="no run folder"):
        load_run(tmp_path)
    train(build(steps=1).build(), tmp_path)
    with pytest.raises(CheckpointError, match=r"no recipe\.py"):
        load_run(tmp_path)


@pytest.mark.fault("R14")
def test_a_device_that_is_not_there_says_so(build: Any, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--device"):
        train(build().build(), tmp_path, device="cuda:99")
    with pytest.raises(UsageError, match="--device"):
        train(build().build(), tmp_path, device="nonsense")


@pytest.mark.fault("R14")
def test_a_gpu_without_room_is_one_sentence_with_what_to_do(build: Any, tmp_path: Path) -> None:
    run: Run = build().build()

    def forward(batch: object) -> object:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")

    run.objective.forward = forward  # type: ignore[method-assign, assignment]
    with pytest.raises(TrainingError, match=r"batch_size 4: .*accumulate.*bf16, or --recompute .*20\.00 GiB"):
        train(run, tmp_path)


@pytest.mark.gpu
def test_on_a_gpu(build: Any, tmp_path: Path) -> None:
    recipe: Recipe = build(precision="bf16", ema=0.9, accumulate=2)
    train(recipe.build(), tmp_path, device="cuda", recipe=recipe)
    train(recipe.build(), tmp_path, device="cuda", recipe=recipe, resume=True)
    assert len(rows(tmp_path)) == 1 + 6


def test_a_folder_that_another_process_trains_is_refused(build: Any, tmp_path: Path) -> None:
    """Two jobs that start at once, or a queue that starts one again before its first has ended."""
    (tmp_path / "run").mkdir()
    program = "import fcntl, sys; file = open(sys.argv[1], 'w'); fcntl.lockf(file, fcntl.LOCK_EX); print(); input()"
    command = [sys.executable, "-c", program, str(tmp_path / "run" / ".lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(UsageError, match="run: another training runs in it; wait for its end"):
            train(build().build(), tmp_path / "run", resume=True)
        other.stdin.close()
    assert not (tmp_path / "run" / "run.json").exists()
    train(build().build(), tmp_path / "run", resume=True)  # its lock has ended with it
