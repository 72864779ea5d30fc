"""What a batch is to be made of, and how that is done in the process that asks."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from mmssl.batch import Batch
from mmssl.data.clip import Clip, ClipFormat
from mmssl.data.collate import collate
from mmssl.data.watch import Watch
from mmssl.errors import MediaError


@dataclass(frozen=True)
class Made:
    """What decoding gave: clips in order, how many were tried, and what could not be read."""

    clips: list[Clip]
    tried: int
    faults: list[MediaError]


class Plan(Protocol):
    """Which clips are in a batch."""

    size: int  # rows of a batch, at most
    unit: int  # rows that are better made by one process, as they are of one recording; divides the size

    @property
    def format(self) -> ClipFormat:
        """Of the clips."""
        ...

    def make(self, number: int, rows: range, watch: Watch) -> Made:
        """Decode these rows of one batch."""
        ...


@dataclass(frozen=True)
class Ready:
    """A batch, None when nothing in it could be read."""

    batch: Batch | None
    tried: int
    faults: list[MediaError]


def batches_here(plan: Plan, numbers: Iterable[int], *, pin: bool) -> Iterator[Ready]:
    """Batches made in this process; `pin` puts them into page-locked memory."""
    watch = Watch()
    for number in numbers:
        made = plan.make(number, range(plan.size), watch)
        batch = collate(made.clips, plan.format) if made.clips else None
        yield Ready(batch.pin_memory() if pin and batch is not None else batch, made.tried, made.faults)
