"""SIGINT, SIGTERM and SIGUSR1: the first lets the step end and the run be saved, the second ends at once.

A step that waits for its clips has not begun, and may wait long where storage does not answer: that wait is ended
where others decode. Where this process does, the signal may come in a callback of a decoder, which would swallow it.
"""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Self

import torch
from torch import distributed

from mmssl.distributed import world
from mmssl.training.processes import TIMEOUT

CAUGHT = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)  # SLURM sends the last before its time is over


class Interrupted(BaseException):
    """A signal came while it could be obeyed; no `Exception`, lest a library takes it for a failure of its own."""


class Signals:
    """Within this block they are remembered instead of obeyed."""

    def __init__(self) -> None:
        self.received = 0
        self._waiting = False
        self._process = os.getpid()
        # The flag lives on the CPU: asking over NCCL would stall the GPU at every step.
        self._group = distributed.new_group(backend="gloo", timeout=TIMEOUT) if world() > 1 else None

    def __enter__(self) -> Self:
        # Python lets the main thread alone catch signals; in another, such as a notebook server's, none are.
        caught = CAUGHT if threading.current_thread() is threading.main_thread() else ()
        self._before = {number: signal.signal(number, self._remember) for number in caught}
        return self

    def __exit__(self, *exc: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _remember(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() != self._process:
            # A worker inherits this handler. A signal to the whole group reaches it while the trainer still needs it.
            return
        self.received = number
        for caught in CAUGHT:
            signal.signal(caught, signal.SIG_DFL)
        if self._waiting:
            raise Interrupted

    @contextmanager
    def waiting(self, whole: bool) -> Iterator[None]:
        """Within this block a signal is obeyed at once, if all steps are whole.

        Raises:
            Interrupted: there was one.
        """
        self._waiting = whole
        try:
            if whole and self.received:
                raise Interrupted
            yield
        finally:
            self._waiting = False

    def agreed(self) -> int:
        """The signal that any process has got, or 0; asked by all processes after the same step."""
        if self._group is None:
            return self.received
        flag = torch.tensor(self.received)
        distributed.all_reduce(flag, op=distributed.ReduceOp.MAX, group=self._group)
        return int(flag)
