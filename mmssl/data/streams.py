"""In which order one source gives its clips: freely shuffled, in blocks, or by groups.

A stream numbers its units (one clip, or several of one group) from 0 for ever, and is a function of that number.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from mmssl.data.permutation import Numbers, Words, mix, permute
from mmssl.errors import UsageError


class Stream(Protocol):
    """One source's units, endlessly, each epoch in another order."""

    @property
    def clips(self) -> int:
        """Clips in a unit."""
        ...

    @property
    def per_epoch(self) -> int:
        """Units."""
        ...

    def units(self, numbers: Numbers) -> Numbers:
        """`[n]` unit numbers to `[n, clips]` indices of the source."""
        ...

    def identity(self, indices: Numbers) -> Numbers:
        """`[n]` indices to `[n]` numbers of which a batch should hold each once only."""
        ...


@dataclass(frozen=True)
class Shuffled:
    """Every clip once an epoch; blocks of neighbors are read together when `block` is not 0.

    Blocks are shuffled, then the clips of `window` successive blocks, as slow storage reads a block at a time and a
    cache of that many blocks is enough.
    """

    size: int
    key: int
    block: int = 0
    window: int = 16
    clips: int = 1

    @property
    def per_epoch(self) -> int:
        """Units."""
        return self.size

    def units(self, numbers: Numbers) -> Numbers:
        """`[n]` to `[n, 1]`."""
        epochs, places = np.divmod(numbers, self.size)
        keys = mix(self.key, epochs)
        shuffled = self._blocks(places, keys) if self.block else permute(places, self.size, keys)
        return shuffled[:, None]

    def identity(self, indices: Numbers) -> Numbers:
        """The clip itself."""
        return indices

    def _blocks(self, places: Numbers, keys: Words) -> Numbers:
        count = -(-self.size // self.block)
        # The last block lacks `hole` clips; wherever it is put, what follows moves up by that much.
        hole = count * self.block - self.size
        last = permute(np.full_like(places, count - 1), count, keys, inverse=True)
        hole_at = (last + 1) * self.block - hole

        def spread(real: Numbers) -> Numbers:
            return real + np.where(real >= hole_at, hole, 0)

        windows = spread(places) // (self.block * self.window)
        first_block = windows * self.window
        begin = first_block * self.block - np.where(last < first_block, hole, 0)
        end_block = np.minimum(first_block + self.window, count)
        end = end_block * self.block - np.where(last < end_block, hole, 0)
        shuffled = begin + permute(places - begin, end - begin, mix(keys, 1, windows))
        slots, offsets = np.divmod(spread(shuffled), self.block)
        return permute(slots, count, keys) * self.block + offsets


class Together:
    """Units of `clips` from one group; a group with fewer gives some again (other seconds of them: another seed)."""

    def __init__(self, groups: Numbers, key: int, clips: int) -> None:
        self.key, self.clips = key, clips
        _, dense = np.unique(groups, return_inverse=True)
        self.members = np.argsort(dense, kind="stable")
        self.counts = np.bincount(dense)
        self.begins = np.cumsum(self.counts) - self.counts
        units = -(-self.counts // clips)
        self.unit_group = np.repeat(np.arange(len(units)), units)
        self.unit_part = np.arange(len(self.unit_group)) - np.repeat(np.cumsum(units) - units, units)

    @property
    def per_epoch(self) -> int:
        """Units."""
        return len(self.unit_group)

    def units(self, numbers: Numbers) -> Numbers:
        """`[n]` to `[n, clips]`."""
        epochs, places = np.divmod(numbers, self.per_epoch)
        keys = mix(self.key, epochs)
        chosen = permute(places, self.per_epoch, keys)
        group = self.unit_group[chosen]
        counts = self.counts[group].repeat(self.clips)
        within = (self.unit_part[chosen, None] * self.clips + np.arange(self.clips)).ravel() % counts
        ranks = permute(within, counts, mix(keys, 1, group).repeat(self.clips))
        drawn: Numbers = self.members[self.begins[group].repeat(self.clips) + ranks]
        return drawn.reshape(-1, self.clips)

    def identity(self, indices: Numbers) -> Numbers:
        """The clip itself."""
        return indices


class Apart:
    """No two clips of one group in a batch; an epoch ends with its last full batch, so fewer than a batch wait.

    Of a group with more clips than the epoch has batches, as many take part as there are batches, others each epoch.

    Raises:
        UsageError: fewer groups than clips in a batch.
    """

    clips = 1

    def __init__(self, groups: Numbers, key: int, batch_size: int) -> None:
        self.groups: Numbers
        _, self.groups, counts = np.unique(groups, return_inverse=True, return_counts=True)
        if len(counts) < batch_size:
            raise UsageError(
                f"a batch of {batch_size} clips of different groups needs {batch_size} groups, and the data has "
                f"{len(counts)}: lower batch_size or leave AtMostOnePerGroup out"
            )
        self.key, self.batch_size = key, batch_size
        low, high = 1, len(groups) // batch_size
        while low < high:
            middle = (low + high + 1) // 2
            fits = int(np.minimum(counts, middle).sum()) >= middle * batch_size
            low, high = (middle, high) if fits else (low, middle - 1)
        self.batches = low
        self._epochs: dict[int, Numbers] = {}

    @property
    def per_epoch(self) -> int:
        """Units."""
        return self.batches * self.batch_size

    def units(self, numbers: Numbers) -> Numbers:
        """`[n]` to `[n, 1]`."""
        epochs, places = np.divmod(numbers, self.per_epoch)
        found = np.empty_like(numbers)
        for epoch in np.unique(epochs).tolist():
            here = epochs == epoch
            found[here] = self._epoch(epoch)[places[here]]
        return found[:, None]

    def identity(self, indices: Numbers) -> Numbers:
        """The group."""
        return self.groups[indices]

    def _epoch(self, epoch: int) -> Numbers:
        if epoch not in self._epochs:
            # Two are kept, as a batch may lie over the border of two when sources are mixed.
            self._epochs = {number: known for number, known in self._epochs.items() if abs(number - epoch) <= 1}
            self._epochs[epoch] = self._arrange(epoch)
        return self._epochs[epoch]

    def _arrange(self, epoch: int) -> Numbers:
        """Groups in a row, dealt out to the batches like cards: neighbors never meet."""
        key = mix(self.key, epoch)
        numbers = np.arange(len(self.groups))
        row = np.lexsort((mix(key, 1, numbers), self.groups, mix(key, 2, self.groups)))
        ordered = self.groups[row]
        firsts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
        rank = numbers - np.repeat(firsts, np.diff(np.r_[firsts, len(row)]))
        dealt = row[rank < self.batches][: self.per_epoch].reshape(self.batch_size, self.batches).T
        dealt = dealt[np.argsort(mix(key, 3, np.arange(self.batches)))]
        places = np.argsort(mix(key, 4, np.arange(dealt.size)).reshape(dealt.shape), axis=1)
        return np.take_along_axis(dealt, places, axis=1).ravel()
