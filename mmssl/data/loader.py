"""Batches for training, endless and in an order that nothing but the seed decides, and for evaluation, each clip once.

Worker processes only decode. Which clip stands where, and what stands in for one that cannot be read, is a function
of (seed, step, position), so the number of workers and the step at which a run starts change nothing.
"""

import os
import signal
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, count, islice

import torch
from torch.utils.data import DataLoader, Dataset

from mmssl.batch import Batch
from mmssl.data.clip import Clip, collate
from mmssl.data.clips import OpenClips
from mmssl.data.order import Schedule
from mmssl.data.permutation import mix
from mmssl.data.skipped import Skipped
from mmssl.errors import MediaError, TrainingError, UsageError

_SUBSTITUTES = 20
_EVALUATION = 7  # what a hash is for


_ATTEMPTS = 20
_EVALUATION = 7  # what a hash is for


@dataclass(frozen=True)
class Made:
    """One process's rows of a step, and what could not be read on the way; no batch when nothing could be."""

    batch: Batch | None
    tried: int
    faults: tuple[MediaError, ...]


class _Training(Dataset[Made]):
    """Step to rows."""

    def __init__(self, clips: OpenClips, schedule: Schedule, rows: range) -> None:
        self.clips, self.schedule, self.rows = clips, schedule, rows

    def __getitem__(self, step: int) -> Made:
        indices, seeds = self.schedule.batch(step).tolist(), self.schedule.seeds(step).tolist()
        made: list[Clip] = []
        faults: list[MediaError] = []
        for row in self.rows:
            others = islice(self.schedule.substitutes(step, row), _SUBSTITUTES)
            clip = self._first_readable(chain([indices[row]], others), seeds[row], faults)
            if clip is None:
                return Made(None, len(made) + len(faults), tuple(faults))
            made.append(clip)
        return Made(collate(made, self.clips.settings), len(made) + len(faults), tuple(faults))

    def _first_readable(self, indices: Iterable[int], seed: int, faults: list[MediaError]) -> Clip | None:
        for index in indices:
            try:
                return self.clips.clip(index, seed)
            except MediaError as error:
                faults.append(error)
        return None


class _Evaluation(Dataset[Made]):
    """Number of a batch to its clips."""

    def __init__(self, clips: OpenClips, batch_size: int) -> None:
        self.clips, self.batch_size = clips, batch_size

    def __getitem__(self, number: int) -> Made:
        made: list[Clip] = []
        faults: list[MediaError] = []
        span = range(number * self.batch_size, min((number + 1) * self.batch_size, len(self.clips)))
        for index in span:
            try:
                made.append(self.clips.clip(index, int(mix(_EVALUATION, index).view("int64")[0])))
            except MediaError as error:
                faults.append(error)
        return Made(collate(made, self.clips.settings) if made else None, len(span), tuple(faults))


def _prepare_worker(_: int) -> None:
    # A Ctrl-C reaches the whole group of processes; the main one decides when its workers end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # A tokenizer that was used before the fork else warns about its threads.
    os.environ["TOKENIZERS_PARALLELISM"] = "false"


def _made(data: Dataset[Made], numbers: Iterable[int], workers: int, pin: bool) -> Iterator[Made]:
    """Through worker processes, in order."""
    loader = DataLoader(
        data,
        batch_size=None,
        sampler=numbers,
        num_workers=workers,
        worker_init_fn=_prepare_worker if workers else None,
        pin_memory=pin,
        generator=torch.Generator(),  # its own, as it otherwise draws a seed from the global one
    )
    try:
        yield from loader
    except (RuntimeError, OSError) as error:
        if isinstance(error, OSError) or "DataLoader worker" in str(error):
            raise TrainingError(
                f"a worker process died ({str(error).splitlines()[0]}), most often for want of memory: take fewer "
                "workers or smaller clips; workers=0 shows an error of the decoder itself"
            ) from error
        raise


def training_batches(
    clips: OpenClips,
    *,
    batch_size: int,
    seed: int,
    start: int = 0,
    rank: int = 0,
    world: int = 1,
    workers: int = 0,
    skipped: Skipped | None = None,
    pin: bool = False,
) -> Iterator[Batch]:
    """Batches `start`, `start + 1`, ... without end.

    Args:
        clips: what to draw from.
        batch_size: over all processes; each gives its `batch_size / world` rows.
        seed: of the run; with equal seeds, batch k is equal bit for bit.
        start: first step.
        rank: this process.
        world: processes.
        workers: processes that decode; 0 decodes here.
        skipped: ledger of what cannot be read; one with its defaults if None.
        pin: copy into page-locked memory, for a GPU.

    Raises:
        UsageError: sizes that do not fit.
        TrainingError: too much cannot be read, or a worker died.
    """
    if batch_size % world or not 0 <= rank < world or workers < 0 or start < 0:
        raise UsageError(
            f"batch_size {batch_size} must divide by the {world} processes; rank {rank}, workers {workers} and "
            f"start {start} must not be negative"
        )
    schedule = clips.schedule(seed=seed, batch_size=batch_size)
    share = batch_size // world
    data = _Training(clips, schedule, range(rank * share, (rank + 1) * share))
    return _kept(_made(data, count(start), workers, pin), Skipped() if skipped is None else skipped, endless=True)


def evaluation_batches(
    clips: OpenClips, batch_size: int, *, workers: int = 0, skipped: Skipped | None = None, pin: bool = False
) -> Iterator[Batch]:
    """Each clip once and in order, at the window's settled place; the unreadable are left out and recorded.

    A batch is smaller for each clip that is left out; one of which nothing is left is not given.

    Raises:
        UsageError: batch_size or workers out of range.
        TrainingError: a worker died, or the ledger's limit is passed (without a ledger there is none).
    """
    if batch_size < 1 or workers < 0:
        raise UsageError(f"evaluation needs a batch_size of at least 1, not {batch_size}, and no negative workers")
    settled = clips.settled()
    numbers = range(-(-len(settled) // batch_size))
    made = _made(_Evaluation(settled, batch_size), numbers, min(workers, len(numbers)), pin)
    return _kept(made, Skipped(limit=1.0) if skipped is None else skipped, endless=False)


def _kept(made: Iterator[Made], skipped: Skipped, *, endless: bool) -> Iterator[Batch]:
    """The batches; what failed goes into the ledger."""
    for step in made:
        skipped.tried(step.tried)
        for fault in step.faults:
            skipped.record(fault.name, fault.fault, fault.detail)
        if step.batch is not None:
            yield step.batch
        elif endless:
            raise TrainingError(
                f"no clip can be read in place of {step.faults[-1].name}: {len(step.faults)} were tried, the last "
                f"because {step.faults[-1].detail} ({step.faults[-1].fault.value}); check the data with mmssl probe"
            )
