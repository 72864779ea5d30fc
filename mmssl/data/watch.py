"""Which recording a decoding process is on, told through shared memory, and which ones nobody may touch again.

A decoder that runs for ever inside native code hears no signal and lets no other thread run, so its process cannot
tell; the trainer looks at this from outside and ends it.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np

from mmssl.data.packed_strings import Ints
from mmssl.errors import Fault

NONE = -1  # on no recording

Condemned = Mapping[int, tuple[Fault, str]]  # number of a recording to what was found


class Watch:
    """One process's mark.

    Args:
        mark: `[2]` a count of recordings begun and ended, and the number of the one it is on.
    """

    def __init__(self, mark: Ints | None = None) -> None:
        self._mark = np.array([0, NONE]) if mark is None else mark
        self.condemned: Condemned = {}

    @contextmanager
    def on(self, number: int) -> Iterator[None]:
        """While it lasts this process is on recording `number`."""
        self._set(number)
        try:
            yield
        finally:
            self._set(NONE)

    def _set(self, number: int) -> None:
        self._mark[1] = number
        self._mark[0] += 1
