"""Everything that the loop moves, put together: data, model on its device, optimizer, checkpoints, where to begin."""

import hashlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from mmssl.batch import Batch
from mmssl.data.clips import OpenClips
from mmssl.data.loader import evaluation_batches, training_batches
from mmssl.data.skipped import Skipped
from mmssl.distributed import rank, world
from mmssl.errors import CheckpointError, UsageError
from mmssl.modules.cached_gradient import cache_gradient
from mmssl.run import Run
from mmssl.training.checkpoint import Checkpoints
from mmssl.training.ema import Ema
from mmssl.training.folder import start_folder
from mmssl.training.optimizer import make_optimizer
from mmssl.training.processes import has_bf16, shared
from mmssl.training.recipe import Recipe
from mmssl.training.state import State


def step_seed(seed: int, step: int, process: int) -> int:
    """Where torch's generator begins in a step; it must differ between processes, or they drop the same units."""
    return int.from_bytes(hashlib.blake2b(f"{seed}/{step}/{process}".encode(), digest_size=7).digest(), "big")


@dataclass(frozen=True)
class Session:
    """One process's part of a training.

    Attributes:
        run: the experiment, its objective on `device`.
        model: the objective as it is trained, with gradients averaged over processes.
        start: steps that are done.
        facts: what a checkpoint says beside its tensors.
        notes: what people should know before it begins.
    """

    run: Run
    device: torch.device
    clips: OpenClips
    model: nn.Module
    state: State
    checkpoints: Checkpoints
    skipped: Skipped
    start: int
    facts: dict[str, Any]
    notes: tuple[str, ...]

    def batches(self) -> Iterator[Batch]:
        """Training batches from where it begins, on the device."""
        stream = training_batches(
            self.clips,
            batch_size=self.run.batch_size,
            seed=self.run.seed,
            start=self.start * self.run.optimization.accumulate,
            rank=rank(),
            world=world(),
            workers=self.run.workers,
            skipped=self.skipped,
            pin=self.device.type == "cuda",
        )
        return (batch.to(self.device, non_blocking=True) for batch in stream)

    def every_clip(self) -> Iterator[Batch]:
        """All training clips in order, for `Objective.refresh`; each process sees them all."""
        stream = evaluation_batches(
            self.clips, self.run.batch_size // world(), workers=self.run.workers, skipped=self.skipped
        )
        return (batch.to(self.device, non_blocking=True) for batch in stream)

    def precision(self) -> AbstractContextManager[object]:
        """The number format of the forward pass."""
        wanted = self.run.optimization.precision
        half = wanted == "bf16" or (wanted == "auto" and has_bf16(self.device))
        return torch.autocast(self.device.type, torch.bfloat16, enabled=half)

    def averaging(self, last: bool) -> AbstractContextManager[object]:
        """Gradients are averaged over processes in the last batch of a step only."""
        return nullcontext() if last or not isinstance(self.model, DistributedDataParallel) else self.model.no_sync()

    def evaluate(self) -> dict[str, float]:
        """Every evaluation of the run, with the averaged weights, on process 0 while the others wait."""
        numbers: dict[str, float] = {}
        if rank() == 0 and self.run.evaluations:
            self.run.objective.eval()
            with torch.no_grad(), self.state.ema.weights():
                for name, evaluation in self.run.evaluations.items():
                    numbers |= {f"{name}/{key}": float(value) for key, value in evaluation(self.run.objective).items()}
            self.run.objective.train()
        return numbers


def _surroundings(device: torch.device) -> dict[str, Any]:
    """What decides the order of sums, and with it the last bits."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    return {"processes": world(), "threads": torch.get_num_threads(), "device": name, "torch": torch.__version__}


def _resumed(state: State, checkpoints: Checkpoints, facts: dict[str, Any]) -> tuple[int, tuple[str, ...]]:
    """Load the newest checkpoint that can be read; steps done, and what to tell."""
    checkpoint, damaged = checkpoints.newest()
    warnings = tuple(f"warning: {error}; going back to the checkpoint before" for error in damaged)
    if checkpoint is None:
        return 0, ("no checkpoint yet, beginning at step 0",)
    saved = checkpoint.facts
    if saved["data_fingerprint"] != facts["data_fingerprint"]:
        raise CheckpointError(f"{checkpoints.path(checkpoint.step)}: of other data; give the data it was trained on")
    state.load(checkpoint)
    changed = [f"{name} was {saved[name]} and is {value}" for name, value in facts.items() if saved[name] != value]
    rounding = (f"equal but for rounding, not bit for bit: {', '.join(changed)}",) if changed else ()
    return checkpoint.step, (*warnings, f"going on after step {checkpoint.step}", *rounding)


def open_session(run: Run, folder: Path, device: torch.device, recipe: Recipe | None, *, resume: bool) -> Session:
    """Put everything together; process 0 makes the run folder.

    Raises:
        UsageError: the folder holds another run, or the batch cannot be divided among the processes.
        CheckpointError: no checkpoint can be read, or it is of another model or other data.
    """
    if run.batch_size % world():
        raise UsageError(f"batch_size is {run.batch_size}; it must be a multiple of the {world()} processes")
    clips, plan = run.data.open(), run.optimization
    fingerprint = clips.fingerprint()
    objective = run.objective.to(device).train()
    cache_gradient(objective, plan.chunk)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{folder}: cannot be made ({error.strerror}); give another --out") from error
    if rank() == 0:
        start_folder(folder, run, fingerprint, recipe, resume=resume)
    checkpoints = Checkpoints(folder / "checkpoints")
    state = State(objective, make_optimizer(objective, plan), Ema(objective, plan.ema))
    facts = {"data_fingerprint": fingerprint, **_surroundings(device)}
    start, notes = _resumed(state, checkpoints, facts) if resume else (0, ())
    if rank() == 0:
        checkpoints.sweep()
    if plan.compile:
        # In place: a wrapper would put its own name into every key of the checkpoint.
        objective.compile()
    skipped = Skipped(folder, run.skip_limit)
    return Session(run, device, clips, shared(objective, device), state, checkpoints, skipped, start, facts, notes)
