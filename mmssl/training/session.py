"""Everything that the loop moves, put together: data, model on its device, optimizer, checkpoints, where to begin."""

import copy
import hashlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.distributed.fsdp import FSDPModule
from torch.nn.parallel import DistributedDataParallel

from mmssl.batch import Batch
from mmssl.data.clips import OpenClips
from mmssl.data.loader import evaluation_batches, training_batches
from mmssl.data.skipped import Skipped
from mmssl.distributed import rank, world
from mmssl.errors import CheckpointError, TrainingError, UsageError
from mmssl.modules.cached_gradient import cache_gradient
from mmssl.objective import Objective
from mmssl.run import Run
from mmssl.training.batch_norm import share_statistics
from mmssl.training.checkpoint import Checkpoints
from mmssl.training.ema import Ema
from mmssl.training.first_steps import FirstSteps
from mmssl.training.folder import start_folder
from mmssl.training.layout import lay_channels_last
from mmssl.training.optimizer import make_optimizer
from mmssl.training.processes import has_bf16, shared
from mmssl.training.recipe import Recipe
from mmssl.training.recompute import recompute
from mmssl.training.sharding import shard
from mmssl.training.state import State, gathered
from mmssl.training.tower import begin_weights
from mmssl.training.versions import other_decoder


def step_seed(seed: int, step: int, process: int) -> int:
    """Where torch's generator begins in a step; it must differ between processes, or they drop the same units."""
    return int.from_bytes(hashlib.blake2b(f"{seed}/{step}/{process}".encode(), digest_size=7).digest(), "big")


@dataclass(frozen=True)
class Begin:
    """Where training begins: steps done, which of them were left out, and what to tell."""

    step: int = 0
    left_out: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Session:
    """One process's part of a training.

    Attributes:
        run: the experiment, its objective on `device`.
        model: the objective as it is trained, with gradients averaged over processes.
        whole: on process 0 an objective that is not divided, for evaluations; None where it is `run.objective`.
        begin: where the training begins.
        first: what its first steps tell.
        facts: what a checkpoint says beside its tensors.
    """

    run: Run
    device: torch.device
    clips: OpenClips
    model: nn.Module
    whole: Objective | None
    state: State
    checkpoints: Checkpoints
    skipped: Skipped
    begin: Begin
    first: FirstSteps
    facts: dict[str, Any]

    def batches(self) -> Iterator[Batch]:
        """Training batches from where it begins, on the device."""
        stream = training_batches(
            self.clips,
            batch_size=self.run.batch_size,
            seed=self.run.seed,
            start=self.begin.step * self.run.optimization.accumulate,
            rank=rank(),
            world=world(),
            workers=self.run.workers,
            skipped=self.skipped,
            pin=self.device.type == "cuda",
        )
        return (self.first.look(batch).to(self.device, non_blocking=True) for batch in stream)

    def every_clip(self) -> Iterator[Batch]:
        """All training clips in order, for `Objective.refresh`; each process sees them all.

        Raises:
            TrainingError: none of them can be read.
        """
        stream = evaluation_batches(
            self.clips, self.run.batch_size // world(), workers=self.run.workers, skipped=self.skipped
        )
        none = True
        for batch in stream:
            none = False
            yield batch.to(self.device, non_blocking=True)
        if none:
            first = next(iter(self.skipped.reasons.values()), None)
            because = f", the first because {first[1]}" if first else ""
            raise TrainingError(f"no clip can be read{because}; check the data with mmssl probe")

    def precision(self) -> AbstractContextManager[object]:
        """The number format of the forward pass."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=_half(self.run, self.device))

    def averaging(self, last: bool) -> AbstractContextManager[object]:
        """Gradients are averaged over processes in the last batch of a step only."""
        if isinstance(self.model, FSDPModule):
            self.model.set_requires_gradient_sync(last)
        return nullcontext() if last or not isinstance(self.model, DistributedDataParallel) else self.model.no_sync()

    def evaluate(self) -> dict[str, float]:
        """Every evaluation of the run, with the averaged weights, on process 0 while the others wait."""
        numbers: dict[str, float] = {}
        if not self.run.evaluations:
            return numbers
        with torch.no_grad(), self.state.ema.weights():
            whole = gathered(self.run.objective)  # by all processes
            if rank() != 0:
                return numbers
            objective = self.run.objective
            if self.whole is not None:
                self.whole.load_state_dict(whole)
                objective = self.whole.to(self.device)
            objective.eval()
            for name, evaluation in self.run.evaluations.items():
                numbers |= {f"{name}/{key}": float(value) for key, value in evaluation(objective).items()}
            objective.train()
            if self.whole is not None:
                self.whole.cpu()
        return numbers


def _surroundings(device: torch.device) -> dict[str, Any]:
    """What decides the order of sums, and with it the last bits."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    return {"processes": world(), "threads": torch.get_num_threads(), "device": name, "torch": torch.__version__}


def _half(run: Run, device: torch.device) -> bool:
    wanted = run.optimization.precision
    return wanted == "bf16" or (wanted == "auto" and has_bf16(device))


def _resumed(state: State, checkpoints: Checkpoints, facts: dict[str, Any]) -> Begin:
    """Load the newest checkpoint that can be read."""
    checkpoint, damaged = checkpoints.newest()
    warnings = tuple(f"warning: {error}; going back to the checkpoint before" for error in damaged)
    if checkpoint is None:
        return Begin(notes=("no checkpoint yet, beginning at step 0",))
    saved = checkpoint.facts
    if saved["data_fingerprint"] != facts["data_fingerprint"]:
        raise CheckpointError(f"{checkpoints.path(checkpoint.step)}: of other data; give the data it was trained on")
    state.load(checkpoint)
    decoder = other_decoder(saved.get("decoder", {}), facts["decoder"])
    warnings += (f"warning: step {checkpoint.step} {decoder}",) if decoder else ()
    # What an earlier version did not write down is taken to be the same.
    rounded = {name: value for name, value in facts.items() if name != "decoder" and saved.get(name, value) != value}
    changed = [f"{name} was {saved[name]} and is {value}" for name, value in rounded.items()]
    rounding = (f"equal but for rounding, not bit for bit: {', '.join(changed)}",) if changed else ()
    notes = (*warnings, f"going on after step {checkpoint.step}", *rounding)
    return Begin(checkpoint.step, tuple(saved.get("left_out", ())), notes)


def _prepared(run: Run, device: torch.device) -> Objective | None:
    """Change the objective in place to how it is trained; where that divides it, an undivided one for process 0."""
    objective, whole = run.objective, None
    if world() > 1:
        share_statistics(objective, device)
    divided = run.shard and world() > 1
    if _half(run, device) and not divided:  # `fully_shard` takes weights in the usual order alone
        lay_channels_last(objective)
    if divided and rank() == 0 and run.evaluations:
        whole = copy.deepcopy(objective).cpu()
    if run.recompute:
        recompute(objective.units())
    if divided:
        shard(objective, device)
    return whole


def open_session(
    run: Run, folder: Path, device: torch.device, recipe: Recipe | None, begin_with: Path | None, *, resume: bool
) -> Session:
    """Put everything together; process 0 fills the run folder.

    Raises:
        UsageError: the folder holds another run, or the batch cannot be divided among the processes.
        CheckpointError: no checkpoint can be read, or it is of another model or other data.
    """
    if run.batch_size % world():
        raise UsageError(f"batch_size is {run.batch_size}; it must be a multiple of the {world()} processes")
    clips, plan = (run.trained_on or run.data).open(), run.optimization
    fingerprint = clips.fingerprint()
    begin_weights(run, folder, begin_with, resume=resume)
    objective = run.objective.to(device).train()
    cache_gradient(objective, plan.chunk)
    whole = _prepared(run, device)
    if rank() == 0:
        start_folder(folder, run, fingerprint, recipe, begin_with, resume=resume)
    checkpoints = Checkpoints(folder / "checkpoints")
    state = State(objective, make_optimizer(objective, plan), Ema(objective, plan.ema))
    facts = {"data_fingerprint": fingerprint, "decoder": run.data.reader.versions(), **_surroundings(device)}
    begin = _resumed(state, checkpoints, facts) if resume else Begin()
    if rank() == 0:
        checkpoints.sweep()
    if plan.compile:
        # In place: a wrapper would put its own name into every key of the checkpoint.
        objective.compile()
    emulated: tuple[str, ...] = ()
    if plan.precision == "bf16" and not has_bf16(device):
        emulated = (f"warning: precision bf16 is emulated by this {device.type}, far slower than fp32; give auto",)
    skipped = Skipped(folder, run.skip_limit)
    return Session(
        run=run,
        device=device,
        clips=clips,
        model=shared(objective),
        whole=whole,
        state=state,
        checkpoints=checkpoints,
        skipped=skipped,
        begin=replace(begin, notes=(*emulated, *begin.notes)),
        first=FirstSteps(run, begin.step),
        facts=facts,
    )
