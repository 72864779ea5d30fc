"""Every write of a checkpoint and of the logs fails once in every way; what was there before stays whole."""

import errno
import os
import random
import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import save_file

from mmssl.data.skipped import Skipped
from mmssl.errors import CheckpointError, Fault, UsageError
from mmssl.training import checkpoint
from mmssl.training.checkpoint import Checkpoints
from mmssl.training.loop import train
from mmssl.training.recipe import Recipe

FAULTS = [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EACCES]
PARTS = {"model": {"weight": torch.arange(600.0)}, "optimizer": {"step/weight": torch.tensor(3.0)}}


class Disk:
    """Counts the calls that reach the disk, and lets one of them fail, or all from there on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls, self.fails, self.number = 0, range(0), errno.ENOSPC
        for place, name in [(os, "fsync"), (os, "open"), (Path, "mkdir"), (Path, "write_text"), (Path, "rename")]:
            monkeypatch.setattr(place, name, self._watched(getattr(place, name)))
        monkeypatch.setattr(checkpoint, "save_file", self._watched(save_file, SafetensorError))

    def _watched(self, call: Callable[..., Any], kind: type[Exception] = OSError) -> Callable[..., Any]:
        def watched(*args: Any, **kwargs: Any) -> Any:
            self.calls += 1
            if self.calls in self.fails:
                text = os.strerror(self.number)
                raise kind(f"I/O error: {text}") if kind is not OSError else OSError(self.number, text)
            return call(*args, **kwargs)

        return watched


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.fault("R8")
@pytest.mark.parametrize("number", FAULTS, ids=errno.errorcode.get)
def test_a_checkpoint_survives_a_fault_at_every_call(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record_property: Any
) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(1, PARTS, {})
    before = content(tmp_path)
    with monkeypatch.context() as patch:
        disk = Disk(patch)
        checkpoints.save(2, PARTS, {})
        last = disk.calls
    assert last > 12
    record_property("cases", last)
    for call in range(1, last + 1):
        for path in checkpoints.path(2).iterdir():
            path.unlink()
        checkpoints.path(2).rmdir()
        with monkeypatch.context() as patch:
            disk = Disk(patch)
            disk.fails, disk.number = range(call, call + 1), number
            with pytest.raises(CheckpointError, match="step-00000002: not saved"):
                checkpoints.save(2, PARTS, {})
        left = content(tmp_path)
        assert {name: left[name] for name in before} == before, call
        # A fault after the renaming leaves the new one whole; before it, nothing of it.
        assert len(left) in (len(before), 2 * len(before)), call
        assert not [name for name in left if "unfinished" in name]
        if not checkpoints.path(2).exists():
            checkpoints.save(2, PARTS, {})
        assert checkpoints.read(2).step == 2


@contextmanager
def files_up_to(size: int) -> Iterator[None]:
    """The system itself refuses to write further, in the middle of a file: EFBIG, also below Python."""
    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.fault("R8")
def test_a_file_that_ends_anywhere_is_no_checkpoint(tmp_path: Path, record_property: Any) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(1, PARTS, {})
    before = content(tmp_path)
    largest = max(len(data) for data in before.values())
    sizes = range(0, largest, 64)
    record_property("cases", len(sizes))
    for size in sizes:
        with files_up_to(size), pytest.raises(CheckpointError, match="not saved"):
            checkpoints.save(2, PARTS, {})
        assert content(tmp_path) == before
    with files_up_to(largest):
        checkpoints.save(2, PARTS, {})


@pytest.mark.fault("R9")
def test_each_of_200_flipped_bits_and_each_cut_is_found(tmp_path: Path, record_property: Any) -> None:
    record_property("cases", 280)
    checkpoints, draw = Checkpoints(tmp_path), random.Random(0)
    checkpoints.save(1, PARTS, {"seed": 5})
    files = sorted(checkpoints.path(1).iterdir())
    for case in range(280):
        path = draw.choice(files)
        whole = path.read_bytes()
        place = draw.randrange(len(whole))
        flipped = whole[:place] + bytes([whole[place] ^ 1 << draw.randrange(8)]) + whole[place + 1 :]
        path.write_bytes(flipped if case < 200 else whole[:place])
        with pytest.raises(CheckpointError, match="step-00000001"):
            checkpoints.read(1)
        path.write_bytes(whole)
    assert checkpoints.read(1).facts["seed"] == 5


@pytest.mark.fault("R9")
def test_what_the_manifest_does_not_name_is_not_read(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(1, PARTS, {})
    (checkpoints.path(1) / "model2.safetensors").write_bytes(b"unchecked")
    assert set(checkpoints.read(1).parts) == {"model", "optimizer"}
    (checkpoints.path(1) / "manifest.json").write_text("{}")
    with pytest.raises(CheckpointError, match=r"does not name state\.json"):
        checkpoints.read(1)


@pytest.mark.fault("R8")
def test_a_full_disk_under_the_logs_is_told_once_and_training_goes_on(
    build: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe: Recipe = build()
    train(recipe.build(), tmp_path / "whole", recipe=recipe)
    usual = Path.open

    def full(path: Path, mode: str = "r", **kwargs: Any) -> Any:
        log = path.name == "log.csv" and mode == "a"
        return usual(Path("/dev/full") if log or "tfevents" in path.name else path, mode, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", full)
        capfd.readouterr()
        train(recipe.build(), tmp_path / "full", recipe=recipe)
    shown = capfd.readouterr()
    assert shown.out.count("not written (No space left on device); the log has gaps") == 1
    assert "Traceback" not in shown.err
    one, other = (Checkpoints(tmp_path / way / "checkpoints").read(6).parts for way in ("whole", "full"))
    for name, tensor in one["model"].items():
        assert torch.equal(tensor, other["model"][name])


@pytest.mark.fault("R8")
def test_rows_that_a_full_disk_left_in_half_are_dropped(build: Any, tmp_path: Path) -> None:
    recipe: Recipe = build(steps=4)
    train(recipe.build(), tmp_path, recipe=recipe)
    whole = (tmp_path / "log.csv").read_bytes()
    for torn in (b"4", b"5,", b"3,0.1,0.2\n", b"5,0.1,0."):
        (tmp_path / "log.csv").write_bytes(whole + torn)
        train(recipe.build(), tmp_path, recipe=recipe, resume=True)
        assert (tmp_path / "log.csv").read_bytes() == whole


@pytest.mark.fault("R8")
def test_an_out_that_cannot_be_written_is_one_sentence(build: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be made"):
        train(build().build(), tmp_path / "file" / "run")


@pytest.mark.fault("R8")
def test_a_full_disk_under_the_ledger_of_bad_recordings_ends_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = tmp_path / "skipped.jsonl"
    ledger.symlink_to("/dev/full")
    skipped = Skipped(tmp_path, limit=1.0)
    for key in ("a", "b"):
        skipped.record(key, Fault.EMPTY, "the file has 0 bytes")
    assert list(skipped.reasons) == ["a", "b"]
    assert caplog.text.count("cannot be written (No space left on device)") == 1


@pytest.mark.fault("R2")
def test_a_line_of_the_ledger_that_a_kill_cut_off_is_passed_over(tmp_path: Path) -> None:
    Skipped(tmp_path, limit=1.0).record("a", Fault.EMPTY, "the file has 0 bytes")
    with (tmp_path / "skipped.jsonl").open("a") as file:
        file.write('{"key": "b", "fau')
    assert list(Skipped(tmp_path, limit=1.0).reasons) == ["a"]
