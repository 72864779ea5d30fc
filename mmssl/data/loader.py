"""Batches for training, endless and in an order that nothing but the seed decides, and for evaluation, each clip once.

Worker processes only decode. Which clip stands where, and what stands in for one that cannot be read, is a function
of (seed, step, position), so the number of workers and the step at which a run starts change nothing.
"""

from collections.abc import Iterable, Iterator
from itertools import count, islice
from math import gcd

from mmssl.batch import Batch
from mmssl.data.clip import Clip, ClipFormat
from mmssl.data.clips import OpenClips
from mmssl.data.order import Schedule
from mmssl.data.permutation import mix
from mmssl.data.plan import Made, Ready, batches_here
from mmssl.data.skipped import Skipped
from mmssl.data.watch import Watch
from mmssl.data.workers import Workers
from mmssl.errors import MediaError, TrainingError, UsageError

_SUBSTITUTES = 20
_EVALUATION = 7  # what a hash is for


class _Training:
    """Step to one process's rows; a row that nothing can fill is missing."""

    def __init__(self, clips: OpenClips, schedule: Schedule, first: int, size: int) -> None:
        self.clips, self.schedule, self.first, self.size = clips, schedule, first, size
        self.unit = gcd(schedule.clips, size)

    @property
    def format(self) -> ClipFormat:
        return self.clips.settings

    def make(self, number: int, rows: range, watch: Watch) -> Made:
        here = [self.first + row for row in rows]
        indices, seeds = self.schedule.batch(number).tolist(), self.schedule.seeds(number).tolist()
        self.clips.fetch_ahead([indices[row] for row in here])
        self.clips.fetch_ahead(self.schedule.batch(number + 1)[here].tolist())
        found: dict[int, Clip] = {}
        faults: dict[int, list[MediaError]] = {row: [] for row in here}
        asked = {row: indices[row] for row in here}
        others = {row: islice(self.schedule.substitutes(number, row), _SUBSTITUTES) for row in here}
        while asked:
            results = self.clips.decode([(index, seeds[row]) for row, index in asked.items()], watch)
            for row, result in zip(asked, results, strict=True):
                if isinstance(result, MediaError):
                    faults[row].append(result)
                else:
                    found[row] = result
            asked = {row: i for row in asked if row not in found and (i := next(others[row], None)) is not None}
        failed = [fault for row in here for fault in faults[row]]
        return Made([found[row] for row in here if row in found], len(found) + len(failed), failed)


class _Evaluation:
    """Number of a batch to its clips; the unreadable are missing."""

    def __init__(self, clips: OpenClips, size: int, end: int) -> None:
        self.clips, self.size, self.end = clips, size, end
        self.unit = gcd(clips.settings.window.count, size)

    @property
    def format(self) -> ClipFormat:
        return self.clips.settings

    def make(self, number: int, rows: range, watch: Watch) -> Made:
        begin = number * self.size
        indices = range(begin + rows.start, min(begin + rows.stop, self.end))
        asked = [(index, int(mix(_EVALUATION, index).view("int64")[0])) for index in indices]
        self.clips.fetch_ahead(indices)
        self.clips.fetch_ahead(index + self.size for index in indices if index + self.size < self.end)
        results = self.clips.decode(asked, watch)
        faults = [result for result in results if isinstance(result, MediaError)]
        return Made([result for result in results if isinstance(result, Clip)], len(indices), faults)


def _ready(plan: _Training | _Evaluation, numbers: Iterable[int], workers: int, pin: bool) -> Iterator[Ready]:
    if not workers:
        yield from batches_here(plan, numbers, pin=pin)
        return
    form = plan.format
    if form.has_text and form.tokenizer is not None:
        form.tokenizer([""], 1)  # one that loads when first used does so here, not in each worker on its patience
    with Workers(plan, workers, patience=plan.clips.settings.patience, pin=pin) as pool:
        yield from pool.batches(numbers)


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
    size = batch_size // world
    ready = _ready(_Training(clips, schedule, rank * size, size), count(start), workers, pin)
    return _kept(ready, Skipped() if skipped is None else skipped, least=size)


def evaluation_batches(
    clips: OpenClips,
    batch_size: int,
    *,
    limit: int = 0,
    workers: int = 0,
    skipped: Skipped | None = None,
    pin: bool = False,
) -> Iterator[Batch]:
    """Each clip once and in order, at the window's settled place; the unreadable are left out and recorded.

    A batch is smaller for each clip that is left out; one of which nothing is left is not given. Where a recording has
    several windows, a batch is also smaller so as not to part them.

    Args:
        clips: to go through.
        batch_size: clips at once.
        limit: the first so many recordings, readable or not; no other is opened. 0 takes all.
        workers: processes that decode.
        skipped: ledger of what cannot be read.
        pin: as of `training_batches`.

    Raises:
        UsageError: batch_size or workers out of range.
        TrainingError: a worker died, or the ledger's limit is passed (without a ledger there is none).
    """
    if batch_size < 1 or workers < 0:
        raise UsageError(f"evaluation needs a batch_size of at least 1, not {batch_size}, and no negative workers")
    settled = clips.settled()
    windows = settled.settings.window.count
    end = min(limit * windows, len(settled)) if limit else len(settled)
    size = min(batch_size, max(end, 1))
    size -= size % windows if size > windows else 0
    ready = _ready(_Evaluation(settled, size, end), range(-(-end // size)), workers, pin)
    return _kept(ready, Skipped(limit=1.0) if skipped is None else skipped, least=0)


def _kept(ready: Iterator[Ready], skipped: Skipped, *, least: int) -> Iterator[Batch]:
    """The batches, of `least` clips; what failed goes into the ledger."""
    for step in ready:
        skipped.tried(step.tried)
        for fault in step.faults:
            skipped.record(fault.name, fault.fault, fault.detail)
        if step.batch is not None and len(step.batch) >= least:
            yield step.batch
        elif least:
            raise TrainingError(
                f"no clip can be read in place of {step.faults[-1].name}: {len(step.faults)} were tried, the last "
                f"because {step.faults[-1].detail} ({step.faults[-1].fault.value}); check the data with mmssl probe"
            )
