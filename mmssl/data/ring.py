"""Memory of a few batches that forked processes share, filled over and over again.

A batch is handed out as it lies there. Memory that somebody may still look at is never written: every tensor of a batch
keeps an array alive, and with the last of them its place comes back. Who keeps many batches gets copies of the later
ones, so nothing waits for ever and nothing is overwritten.
"""

import math
import mmap
import weakref
from collections import deque
from collections.abc import Iterator
from itertools import count
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mmssl.data.clip import ClipFormat
from mmssl.data.collate import layout, shown

MAKING = 3  # places that are never lent, for the batches in the making
LENT = 2  # places beyond these: the batch that is used, and the one before it until the next has its name

Memory = dict[str, Tensor]  # of one batch, as it shows it


class Ring:
    """Places for batches of one format.

    Anonymous mappings, which no limit of `/dev/shm` touches.

    Args:
        format: of the clips.
        size: rows of a batch.
    """

    def __init__(self, format: ClipFormat, size: int) -> None:
        self._layout = layout(format, size)
        self._maps = [
            {name: mmap.mmap(-1, math.prod(shape) * dtype.itemsize) for name, (shape, dtype) in self._layout.items()}
            for _ in range(MAKING + LENT)
        ]
        self.free = deque(range(len(self._maps)))  # places that nobody writes or reads
        self._lent = set[int]()

    def memory(self, place: int) -> Memory:
        """To write into."""
        return shown({name: torch.from_numpy(array) for name, array in self._arrays(place).items()})

    def lend(self, place: int, rows: int) -> Memory | None:
        """The first rows, to read for as long as somebody likes; None when too many are lent, or there is no memory."""
        if not self._layout or len(self._lent) >= LENT:
            return None
        arrays, back = {name: array[:rows] for name, array in self._arrays(place).items()}, count(1)
        self._lent.add(place)
        for array in arrays.values():
            # A tensor keeps its array as long as anything looks at its memory, be it a part of it or a gradient.
            weakref.finalize(array, self._returned, place, back, len(arrays)).atexit = False
        return shown({name: torch.from_numpy(array) for name, array in arrays.items()})

    def _arrays(self, place: int) -> dict[str, NDArray[Any]]:
        return {
            name: np.frombuffer(self._maps[place][name], str(dtype).removeprefix("torch.")).reshape(shape)
            for name, (shape, dtype) in self._layout.items()
        }

    def _returned(self, place: int, back: Iterator[int], arrays: int) -> None:
        # Any thread may let go of an array, and in the middle of this; each step of it is one for the interpreter.
        if next(back) == arrays:
            self._lent.discard(place)
            self.free.append(place)
