"""Checkpoints that a kill, a full disk or a flipped bit cannot turn into a wrong model.

`checkpoints/step-00001000/` holds safetensors, `state.json` and `manifest.json` with the SHA-256 of both. It is
written beside under another name, forced to the disk, then renamed, so it is there whole or not at all. Nothing is
ever pickled, so reading a stranger's checkpoint runs none of their code.
"""

import hashlib
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from mmssl.errors import CheckpointError

FORMAT = 1
_PREFIX, _UNFINISHED = "step-", ".unfinished-"


@dataclass(frozen=True)
class Checkpoint:
    """One that was read: `parts["model"]` and others are name to tensor, `facts` is `state.json`."""

    step: int
    parts: dict[str, dict[str, Tensor]]
    facts: dict[str, Any]

    @property
    def weights(self) -> dict[str, Tensor]:
        """Of the model, averaged ones where they are kept."""
        return {**self.parts["model"], **self.parts.get("ema", {})}


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write(folder: Path, parts: dict[str, dict[str, Tensor]], facts: dict[str, Any]) -> None:
    folder.mkdir()
    for part, tensors in parts.items():
        # A copy each: safetensors refuses tensors that share memory, such as tied weights.
        copies = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in tensors.items()}
        save_file(copies, folder / f"{part}.safetensors")
    (folder / "state.json").write_text(json.dumps({"format": FORMAT, **facts}, indent=1))
    digests = {path.name: _digest(path) for path in sorted(folder.iterdir())}
    (folder / "manifest.json").write_text(json.dumps(digests, indent=1))
    for path in folder.iterdir():
        _to_disk(path)
    _to_disk(folder)


class Checkpoints:
    """The checkpoints of one run.

    Args:
        folder: made when the first is saved.
        keep: how many of the newest stay; at least two, so that a damaged one has a predecessor.
    """

    def __init__(self, folder: Path, keep: int = 2) -> None:
        self.folder, self.keep = folder, keep

    def path(self, step: int) -> Path:
        """Where the checkpoint after `step` steps is."""
        return self.folder / f"{_PREFIX}{step:08d}"

    def steps(self) -> list[int]:
        """Of all that are complete, ascending."""
        return sorted(int(path.name.removeprefix(_PREFIX)) for path in self.folder.glob(f"{_PREFIX}[0-9]*"))

    def sweep(self) -> None:
        """Remove what a killed process left half-written."""
        for path in self.folder.glob(f"{_UNFINISHED}*"):
            shutil.rmtree(path, ignore_errors=True)

    def save(self, step: int, parts: dict[str, dict[str, Tensor]], facts: dict[str, Any]) -> None:
        """Write one and drop the oldest.

        Raises:
            CheckpointError: the disk is full or not writable; the earlier ones are as they were.
        """
        unfinished = self.folder / f"{_UNFINISHED}{step:08d}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(unfinished, ignore_errors=True)
            _write(unfinished, parts, {"step": step, **facts})
            shutil.rmtree(self.path(step), ignore_errors=True)
            unfinished.rename(self.path(step))
            _to_disk(self.folder)
        except (OSError, SafetensorError) as error:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise CheckpointError(f"{self.path(step)}: not saved, {error}; the earlier ones are untouched") from error
        for old in self.steps()[: -self.keep]:
            shutil.rmtree(self.path(old), ignore_errors=True)

    def read(self, step: int) -> Checkpoint:
        """Check and read one.

        Raises:
            CheckpointError: it is missing, incomplete, damaged or of a newer format.
        """
        folder = self.path(step)
        try:
            digests = json.loads((folder / "manifest.json").read_text())
            if "state.json" not in digests:
                raise CheckpointError(f"{folder / 'manifest.json'}: damaged, it does not name state.json")
            for name, digest in digests.items():
                if _digest(folder / name) != digest:
                    raise CheckpointError(f"{folder / name}: damaged, its SHA-256 is not that of manifest.json")
            facts = json.loads((folder / "state.json").read_text())
            if facts["format"] > FORMAT:
                raise CheckpointError(f"{folder}: format {facts['format']}, this mmssl reads {FORMAT}; install a newer")
            # What the manifest does not name was not checked, and is not of this checkpoint.
            parts = {Path(name).stem: load_file(folder / name) for name in digests if name.endswith(".safetensors")}
        except (OSError, ValueError, KeyError, AttributeError, SafetensorError) as error:
            raise CheckpointError(f"{folder}: incomplete or damaged, {error}") from error
        return Checkpoint(step, parts, facts)

    def newest(self) -> tuple[Checkpoint | None, list[CheckpointError]]:
        """The newest that can be read, None when there is none at all, and why newer ones could not.

        Raises:
            CheckpointError: there are some, but none can be read.
        """
        damaged: list[CheckpointError] = []
        for step in reversed(self.steps()):
            try:
                return self.read(step), damaged
            except CheckpointError as error:
                damaged.append(error)
        if damaged:
            raise damaged[0]
        return None, damaged
