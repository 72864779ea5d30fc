"""Which clips are in batch k: a pure function of (seed, k, data, options), so that any batch can be made anywhere.

Epochs flow into each other: with n clips, draws 0 to n - 1 hold each clip once, draws n to 2n - 1 again, and a batch
may lie across the border. Process r of W takes rows r * b to (r + 1) * b - 1 of the batch of W * b clips, so nothing
is lost or doubled, and W processes of b see what one of W * b sees.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from mmssl.data.mixture import Mixture
from mmssl.data.permutation import Numbers, mix, permute
from mmssl.data.recordings import Recordings
from mmssl.data.streams import Apart, Shuffled, Stream, Together
from mmssl.errors import UsageError

_SOURCE, _MIXTURE, _SEED, _SUBSTITUTE = range(4)  # what a hash is for
_CHAPTER = 2048  # clips
_CANDIDATES = 1000  # substitutes that are looked at, at most


class Grouping(Protocol):
    """Which clips may, must or must not be in one batch."""

    @property
    def clips(self) -> int:
        """Drawn together."""
        ...

    def names(self, recordings: Recordings) -> Sequence[str] | Sequence[int] | None:
        """The group of each recording, None when the order does not ask."""
        ...

    def stream(self, part: "Part", order: "Order", key: int, batch_size: int) -> Stream:
        """The order of one source."""
        ...


@dataclass(frozen=True)
class Free:
    """Any clips; each once an epoch."""

    clips: int = 1

    def names(self, recordings: Recordings) -> None:
        """Nothing."""
        return None

    def stream(self, part: "Part", order: "Order", key: int, batch_size: int) -> Stream:
        """A shuffle."""
        return Shuffled(part.size, key, order.block, order.window)


@dataclass(frozen=True)
class AtMostOnePerGroup:
    """No two clips of one group in a batch, for losses that take all others as negatives."""

    clips: int = field(default=1, init=False)

    def names(self, recordings: Recordings) -> Sequence[str]:
        """Groups."""
        return recordings.groups()

    def stream(self, part: "Part", order: "Order", key: int, batch_size: int) -> Stream:
        """Groups dealt out to the batches."""
        if batch_size == 0:
            raise UsageError("AtMostOnePerGroup does not work on a mix of several sources: give one source")
        return Apart(part.grouped, key, batch_size)


@dataclass(frozen=True)
class PerGroup:
    """`clips` neighbors in a batch are of one group, such as other seconds of one video."""

    clips: int = 2

    def names(self, recordings: Recordings) -> Sequence[str] | Sequence[int]:
        """Groups."""
        return recordings.groups()

    def stream(self, part: "Part", order: "Order", key: int, batch_size: int) -> Stream:
        """Groups cut into units."""
        return Together(part.grouped, key, self.clips)


@dataclass(frozen=True)
class PerRecording(PerGroup):
    """`clips` neighbors in a batch are of one recording, which is opened once for all of them.

    With `RandomWindow` they are as many random places of it (repeated sampling: Hoffer et al. 2020; Feichtenhofer et
    al. 2022, section 3). They share a group, so that no loss takes them for each other's negatives.
    """

    def names(self, recordings: Recordings) -> Sequence[int]:
        """Each its own."""
        return range(len(recordings))


@dataclass(frozen=True)
class PerLabel(PerGroup):
    """`clips` neighbors in a batch have one label."""

    def names(self, recordings: Recordings) -> Sequence[str]:
        """Labels, read from each recording's entry."""
        return [recordings[index].label for index in range(len(recordings))]


@dataclass(frozen=True, kw_only=True)
class Order:
    """How training clips are drawn.

    Attributes:
        block: neighbors that slow storage reads together; 0 shuffles all freely. For free grouping alone.
        window: blocks whose clips are mixed.
        grouping: `Free()`, `AtMostOnePerGroup()`, `PerGroup(clips)`, `PerRecording(clips)` or `PerLabel(clips)`.
    """

    block: int = 0
    window: int = 16
    grouping: Grouping = field(default_factory=Free)

    def __post_init__(self) -> None:
        if self.block < 0 or self.window < 1 or self.grouping.clips < 1:
            raise UsageError("Order needs block of 0 or more, and window and clips of at least 1")


@dataclass(frozen=True)
class Part:
    """One source of the data as the order sees it."""

    size: int  # clips
    weight: float = 1.0
    groups: Numbers | None = None  # [size] equal numbers are one group

    @property
    def grouped(self) -> Numbers:
        """The groups, or each clip its own."""
        return np.arange(self.size) if self.groups is None else self.groups


class Schedule:
    """The whole order of one run.

    Args:
        order: options.
        parts: the sources; indices go through them one after another.
        seed: of the run.
        batch_size: over all processes.

    Raises:
        UsageError: no clips, a weight that is not positive, or a batch that groups cannot fill.
    """

    def __init__(self, order: Order, parts: Sequence[Part], *, seed: int, batch_size: int) -> None:
        self.clips = order.grouping.clips
        if batch_size < 1 or batch_size % self.clips:
            raise UsageError(f"batch_size is {batch_size}; it must be a positive multiple of {self.clips} clips")
        if not parts or any(part.size < 1 for part in parts):
            raise UsageError("there are no recordings to draw from: check the data's address")
        self.seed, self.batch_size = seed, batch_size
        self.sizes = np.array([part.size for part in parts])
        self.begins = np.cumsum(self.sizes) - self.sizes
        self.mixture = Mixture([part.weight for part in parts], key=int(mix(seed, _MIXTURE)[0]))
        self._chapter = max(_CHAPTER // batch_size, 1)  # batches that are drawn at once
        self._drawn: dict[int, Numbers] = {}
        aligned = batch_size if len(parts) == 1 else 0
        self.streams = [
            order.grouping.stream(part, order, int(mix(seed, _SOURCE, number)[0]), aligned)
            for number, part in enumerate(parts)
        ]

    def batch(self, step: int) -> Numbers:
        """`[batch_size]` indices of the clips of batch `step`, from 0."""
        chapter, place = divmod(step, self._chapter)
        if chapter not in self._drawn:
            # Many draws at once take about the time of a few. Two are kept, as a worker looks at the next batch too.
            units = self._chapter * self.batch_size // self.clips
            drawn = self._draw(np.arange(chapter * units, (chapter + 1) * units))
            self._drawn = {number: known for number, known in self._drawn.items() if number == chapter - 1}
            self._drawn[chapter] = drawn.reshape(self._chapter, self.batch_size)
        indices: Numbers = self._drawn[chapter][place]
        return indices

    def seeds(self, step: int) -> Numbers:
        """`[batch_size]` one seed for each clip of the batch."""
        return mix(self.seed, _SEED, step, np.arange(self.batch_size)).view(np.int64)

    def substitutes(self, step: int, position: int) -> Iterator[int]:
        """Indices to take, in turn, when the clip at this position cannot be read.

        The others of its unit first, then clips of its own source in an order drawn for this position: first those
        that may be beside the rest of the batch, then, rather than none, the others.
        """
        unit, slot = divmod(position, self.clips)
        numbers = np.array([step * (self.batch_size // self.clips) + unit])
        mine = self._draw(numbers)[0]
        yield from (int(index) for index in dict.fromkeys(np.roll(mine, -slot).tolist()) if index != mine[slot])
        sources, theirs = self.mixture.draw(numbers)
        source = int(sources[0])
        stream, begin = self.streams[source], int(self.begins[source])
        places = np.arange(min(stream.per_epoch, _CANDIDATES))
        key = mix(self.seed, _SUBSTITUTE, step, unit)
        epoch = theirs // stream.per_epoch * stream.per_epoch
        candidates = stream.units(permute(places, stream.per_epoch, key) + epoch)[:, slot]
        beside = np.delete(self.batch(step), position) - begin
        beside = beside[(beside >= 0) & (beside < self.sizes[source])]
        free = ~np.isin(stream.identity(candidates), stream.identity(beside))
        ordered = np.concatenate([candidates[free], candidates[~free]]) + begin
        yield from (index for index in ordered.tolist() if index not in mine)

    def _draw(self, numbers: Numbers) -> Numbers:
        """`[n]` numbers of units to `[n, clips]` indices."""
        sources, theirs = self.mixture.draw(numbers)
        drawn = np.empty((len(numbers), self.clips), dtype=np.int64)
        for source in np.unique(sources).tolist():
            here = sources == source
            drawn[here] = self.streams[source].units(theirs[here]) + self.begins[source]
        return drawn
