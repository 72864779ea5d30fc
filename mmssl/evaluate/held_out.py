"""Held-out clips on their way to an objective: one window in the middle of each recording, in their order."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import torch

from mmssl.batch import Batch, Modality
from mmssl.data.clips import Clips, OpenClips
from mmssl.data.loader import evaluation_batches
from mmssl.data.skipped import Skipped
from mmssl.data.window import CenterWindow
from mmssl.errors import UsageError
from mmssl.objective import Objective

Watch = Callable[[float], None]  # is told the share of the work that is done, 0 to 1


class Gatherer(Protocol):
    """What an evaluation keeps of each batch, so that several evaluations decode the films once."""

    def add(self, batch: Batch) -> None:
        """Look at a batch, on the objective's device."""
        ...


@dataclass(frozen=True)
class Progress:
    """Says which share of the recordings was looked at.

    Attributes:
        watch: called with it, 0 to 1.
        recordings: that will be.
    """

    watch: Watch
    recordings: int

    def add(self, batch: Batch) -> None:
        """Tell it."""
        self.watch((int(batch.index[-1]) + 1) / self.recordings)


def require(objective: Objective, clips: Clips, modalities: tuple[Modality, ...], what: str) -> None:
    """Refuse an evaluation of modalities that are not there.

    Raises:
        UsageError: naming what is missing where.
    """
    for modality in modalities:
        if modality not in objective.encoders:
            raise UsageError(f"{what} needs {modality}, and {type(objective).__name__} has no encoder of it")
        if modality not in clips.modalities:
            raise UsageError(f"{what} needs {modality}, and the clips to evaluate ask for none; set it in their Clips")


def middle(clips: Clips) -> OpenClips:
    """The recordings with one window each, in the middle; one that lacks a modality is there with the others.

    What training requires it may: a silent film with a caption is a query and an item of text and pictures.
    """
    return replace(clips, window=CenterWindow(), require=()).open()


def asked_for(opened: OpenClips, limit: int) -> int:
    """How many recordings are looked at, readable or not; a limit of 0 takes all."""
    return min(limit, len(opened)) if limit else len(opened)


def held_out(
    objective: Objective,
    opened: OpenClips,
    batch_size: int,
    *,
    limit: int = 0,
    workers: int = 0,
    skipped: Skipped | None = None,
) -> Iterator[Batch]:
    """Batches on the objective's device.

    Args:
        objective: whose device counts.
        opened: from `middle`.
        batch_size: clips at once.
        limit: the first so many recordings, readable or not; 0 takes all.
        workers: processes that decode.
        skipped: the ledger of those that cannot be read, which are left out.
    """
    device = next((p.device for p in objective.parameters()), torch.device("cpu"))
    ledger = Skipped(limit=1.0) if skipped is None else skipped
    for batch in evaluation_batches(opened, batch_size, limit=limit, workers=workers, skipped=ledger):
        yield batch.to(device)


def look(
    gatherers: Sequence[Gatherer],
    objective: Objective,
    opened: OpenClips,
    batch_size: int,
    *,
    limit: int = 0,
    workers: int = 0,
    skipped: Skipped | None = None,
) -> None:
    """Show each held-out batch to all gatherers; arguments as of `held_out`."""
    for batch in held_out(objective, opened, batch_size, limit=limit, workers=workers, skipped=skipped):
        for gatherer in gatherers:
            gatherer.add(batch)
