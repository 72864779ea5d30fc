"""A process that forks workers whenever one is needed.

It is forked at the start and does nothing else, so a worker that takes the place of a dead one in the middle of a
training is forked from a process with one thread and without locks that somebody holds, not from the trainer.
"""

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection, Pipe
from multiprocessing.process import BaseProcess
from multiprocessing.reduction import recv_handle, send_handle

from mmssl.errors import TrainingError

Work = Callable[[int, Connection], None]  # number of a worker, its end of its pipe

_GRACE = 0.5  # seconds in which a worker may end by itself
_CONTEXT = get_context("fork")


class Nursery:
    """The trainer's side.

    Args:
        work: what a worker does until its pipe closes.
    """

    def __init__(self, work: Work) -> None:
        self._control, theirs = Pipe()
        # Not a daemon, which may have no children; it ends when this end of its pipe closes.
        self._process = _CONTEXT.Process(target=_serve, args=(work, theirs, self._control))
        self._process.start()
        theirs.close()

    def start(self, number: int) -> tuple[Connection, int]:
        """Fork worker `number`; our end of its pipe, and its process id.

        Raises:
            TrainingError: the nursery is gone.
        """
        ours, theirs = Pipe()
        try:
            self._control.send((number, None))
            send_handle(self._control, theirs.fileno(), self._process.pid)
            pid: int = self._control.recv()
        except (EOFError, OSError):
            raise TrainingError("the process that starts workers was killed; resume the run") from None
        finally:
            theirs.close()
        return ours, pid

    def ended(self, number: int, pid: int) -> int:
        """The exit status of a worker that ends or was killed; negative: the signal."""
        try:
            self._control.send((number, pid))
            status: int = self._control.recv()
        except (EOFError, OSError):
            return -signal.SIGKILL
        return status

    def close(self) -> None:
        """End it and all workers."""
        with suppress(OSError):  # it is gone
            self._control.send(None)
        self._control.close()
        self._process.join(4 * _GRACE)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._process.close()


def _serve(work: Work, control: Connection, theirs: Connection) -> None:
    """Fork on demand until told to end, or until the trainer is gone; then no worker is left."""
    # See `mmssl.data.worker.work`.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    theirs.close()
    workers: dict[int, BaseProcess] = {}
    try:
        while (order := control.recv()) is not None:
            number, pid = order
            if pid is None:
                handle = recv_handle(control)
                workers[number] = _CONTEXT.Process(target=_begin, args=(work, number, handle, control))
                workers[number].start()
                os.close(handle)
                control.send(workers[number].pid)
            else:
                workers[number].join()
                control.send(workers[number].exitcode)
    except (EOFError, OSError):
        pass  # the trainer is gone
    until = time.monotonic() + _GRACE
    for worker in workers.values():
        worker.join(max(until - time.monotonic(), 0.0))
        if worker.is_alive():
            worker.kill()  # it decodes for nobody
            worker.join()


def _begin(work: Work, number: int, handle: int, control: Connection) -> None:
    # Else the trainer's closing of its end tells the nursery nothing.
    control.close()
    work(number, Connection(handle))
