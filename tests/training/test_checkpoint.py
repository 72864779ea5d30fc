import errno
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from mmssl.errors import CheckpointError
from mmssl.training import checkpoint as module
from mmssl.training.checkpoint import Checkpoints

PARTS = {"model": {"weight": torch.arange(6.0).reshape(2, 3)}, "optimizer": {"step/weight": torch.tensor(3.0)}}


def test_comes_back_and_keeps_the_newest(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path / "checkpoints", keep=2)
    for step in (1, 2, 3):
        checkpoints.save(step, PARTS, {"seed": 5})
    assert checkpoints.steps() == [2, 3]
    read = checkpoints.read(3)
    assert (read.step, read.facts["seed"], read.facts["step"]) == (3, 5, 3)
    assert torch.equal(read.parts["model"]["weight"], PARTS["model"]["weight"])
    assert torch.equal(read.parts["optimizer"]["step/weight"], torch.tensor(3.0))


def test_tensors_may_share_memory(tmp_path: Path) -> None:
    weight = nn.Parameter(torch.rand(3, 3))
    Checkpoints(tmp_path).save(1, {"model": {"a": weight, "b": weight, "c": weight.t()}}, {})
    parts = Checkpoints(tmp_path).read(1).parts["model"]
    assert torch.equal(parts["a"], parts["b"])
    assert torch.equal(parts["c"], parts["a"].t())


@pytest.mark.fault("R9")
@pytest.mark.parametrize("name", ["model.safetensors", "optimizer.safetensors", "state.json", "manifest.json"])
@pytest.mark.parametrize("fault", ["missing", "cut", "flipped", "empty"])
def test_a_damaged_one_is_refused_and_the_one_before_is_found(tmp_path: Path, name: str, fault: str) -> None:
    checkpoints = Checkpoints(tmp_path)
    for step in (1, 2):
        checkpoints.save(step, PARTS, {})
    path = checkpoints.path(2) / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    damaged = {"missing": None, "cut": content[:-2], "flipped": content, "empty": b""}[fault]
    path.unlink()
    if damaged is not None:
        path.write_bytes(damaged)
    with pytest.raises(CheckpointError, match="step-00000002"):
        checkpoints.read(2)
    found, why = checkpoints.newest()
    assert found is not None
    assert found.step == 1
    assert len(why) == 1


@pytest.mark.fault("R9")
def test_when_all_are_damaged_it_says_so(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(1, PARTS, {})
    (checkpoints.path(1) / "state.json").unlink()
    with pytest.raises(CheckpointError):
        checkpoints.newest()
    assert Checkpoints(tmp_path / "none").newest() == (None, [])


@pytest.mark.fault("R8")
def test_a_full_disk_leaves_the_earlier_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(1, PARTS, {})

    def full(tensors: dict[str, Tensor], path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module, "save_file", full)
    for step in (1, 2):
        with pytest.raises(CheckpointError, match="No space left"):
            checkpoints.save(step, PARTS, {})
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000001"]
    assert checkpoints.read(1).step == 1


@pytest.mark.fault("R2")
def test_what_a_kill_left_is_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoints = Checkpoints(tmp_path)

    def killed(tensors: dict[str, Tensor], path: Path) -> None:
        save_file(tensors, path)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(module, "save_file", killed)
        with pytest.raises(KeyboardInterrupt):
            checkpoints.save(1, PARTS, {})
    assert checkpoints.steps() == []
    assert len(list(tmp_path.iterdir())) == 1
    checkpoints.sweep()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.fault("R9")
def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(1, PARTS, {"format": 99})
    with pytest.raises(CheckpointError, match="format 99"):
        checkpoints.read(1)


@pytest.mark.fault("R10")
def test_a_pickle_is_never_read(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(1, PARTS, {})
    path = checkpoints.path(1) / "model.safetensors"
    torch.save({"weight": torch.zeros(2, 3)}, path)
    manifest: dict[str, Any] = json.loads((checkpoints.path(1) / "manifest.json").read_text())
    manifest["model.safetensors"] = module._digest(path)
    (checkpoints.path(1) / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(CheckpointError, match="incomplete or damaged"):
        checkpoints.read(1)
