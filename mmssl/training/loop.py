"""The one training loop.

Bit-exact resume rests on three things: batch k is a pure function of (seed, k); every step seeds torch's generator
from (seed, step, process), so dropout needs no saved generator, and nothing that draws in between, such as an
evaluation or a `DataLoader`, changes it; the learning rate is a function of the step. It holds for equal numbers of
threads and processes and, on a GPU, where its kernels add in a fixed order. What an objective's `refresh` finds out it
keeps in buffers.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from mmssl.distributed import rank, world
from mmssl.errors import MmsslError, TrainingError
from mmssl.run import Run
from mmssl.training.card import write_card
from mmssl.training.guard import Guard
from mmssl.training.journal import Journal
from mmssl.training.only_one import only_one
from mmssl.training.processes import find_device, processes, wait_for_all
from mmssl.training.progress import Pace
from mmssl.training.readings import Readings
from mmssl.training.recipe import Recipe
from mmssl.training.schedule import rate
from mmssl.training.session import Session, open_session, step_seed
from mmssl.training.sharding import clip_gradient
from mmssl.training.signals import Interrupted, Signals


def train(
    run: Run,
    folder: Path,
    *,
    device: str = "auto",
    resume: bool = False,
    recipe: Recipe | None = None,
    begin_with: Path | None = None,
) -> dict[str, float]:
    """Train to the end, or to a signal.

    Args:
        run: the experiment; its objective is moved to the device and changed in place.
        folder: the run folder to make, or to go on with.
        device: auto, cpu, cuda or cuda:1.
        resume: go on from the newest checkpoint that can be read, or begin where there is none.
        recipe: where the run came from, kept in the folder so that `load_run` can rebuild it.
        begin_with: folder of a run of the same model, whose newest weights this one begins with.

    Returns:
        The numbers of the last evaluation.

    Raises:
        UsageError: the folder holds another run or is trained by another process, the device is not there, the batch
            cannot be divided.
        TrainingError: 10 losses of 100 are not finite, the first steps have no gradient, too many recordings cannot be
            read, or the GPU's memory is full.
        CheckpointError: checkpoints cannot be read, or three in a row cannot be written.
        MediaError: the storage of the recordings does not answer; one process alone saves a checkpoint first.
        SystemExit: with 130, 143 or 138, after SIGINT, SIGTERM or SIGUSR1 and a checkpoint.
    """
    place = find_device(device)
    with processes(place), _memory_named(run), only_one(folder):
        session = open_session(run, folder, place, recipe, begin_with, resume=resume)
        with Journal(folder, session.begin.step, run.steps, session.first) as journal:
            for note in session.begin.notes:
                journal.say(note)
            done, signal = _steps(session, journal)
            numbers = {} if signal else session.evaluate()
            journal.evaluation(done, numbers)
            for line in session.skipped.summary():
                journal.say(line)
            journal.write(lambda: write_card(folder, run, done, journal.measured))
    if signal:
        raise SystemExit(128 + signal)
    return numbers


@contextmanager
def _memory_named(run: Run) -> Iterator[None]:
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise TrainingError(
            f"the GPU's memory is full at batch_size {run.batch_size}: take a smaller batch (accumulate keeps the step "
            f"as large), fewer frames or pixels, precision bf16, or --recompute ({str(error).splitlines()[0]})"
        ) from error


def _steps(session: Session, journal: Journal) -> tuple[int, int]:
    """Steps done and the signal that ended them, 0 at the end of the run."""
    run, objective, optimizer, state = session.run, session.run.objective, session.state.optimizer, session.state
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    guard, plan = Guard(objective, optimizer), run.optimization
    batches, readings, pace = session.batches(), Readings(session.begin.left_out), Pace()

    def save(done: int, last: bool) -> None:
        journal.reading(readings.flush())
        facts = {**session.facts, "left_out": readings.left_out}
        journal.save(session.checkpoints, done, state, facts, last=last)

    with Signals() as signals:
        for step in range(session.begin.step, run.steps):
            # Nothing of the step is done, and no other process waits in it for this one.
            untouched = world() == 1
            if objective.refresh_every and step % objective.refresh_every == 0:
                untouched = False
                with state.renewing():
                    objective.refresh(session.every_clip())
                pace.restart()
            torch.manual_seed(step_seed(run.seed, step, rank()))
            lr = plan.lr * rate(step, run.steps, plan.warmup)
            for group in optimizer.param_groups:
                group["lr"] = lr
            guard.watch()
            for part in range(plan.accumulate):
                try:
                    with pace.waiting(), signals.waiting(whole=untouched and run.workers > 0):
                        batch = next(batches)
                except (MmsslError, Interrupted) as ending:
                    if untouched and step > session.begin.step:
                        save(step, last=True)
                    if isinstance(ending, Interrupted):
                        return step, signals.received
                    raise
                untouched = False
                with session.averaging(last=part + 1 == plan.accumulate):
                    with session.precision():
                        loss, terms = session.model(batch)
                    (loss / plan.accumulate).backward()
                readings.add(batch.keys, loss, terms)
            done = step + 1
            session.first.unreached(objective, done)
            finite, earlier = readings.push(done, clip_gradient(weights, plan.clip_norm or math.inf))
            journal.reading(earlier)
            guard.step(finite)
            optimizer.zero_grad()
            objective.after_step(done / run.steps)
            state.ema.update(step)
            journal.pace(done, {"lr": lr, **pace.lap(plan.accumulate * run.batch_size)})
            signal, last = signals.agreed(), done == run.steps
            if signal or last or done % run.save_every == 0:
                save(done, last=last or signal > 0)
                wait_for_all()
                pace.restart()
            if signal:
                return done, signal
            if run.evaluate_every and done % run.evaluate_every == 0 and not last:
                journal.reading(readings.flush())
                journal.evaluation(done, session.evaluate())
                pace.restart()
    return run.steps, 0
