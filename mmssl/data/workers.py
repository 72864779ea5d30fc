"""Processes that decode: each fills its rows of a batch in memory that all share.

Every worker has a part of every batch, so a batch is ready after its share of the time, and results arrive in order
without sorting. Pictures and sound are written where the trainer reads them; only the small rest goes through a pipe.

Workers are forked. They share the recordings' list with their parent, take anything that a recipe defines, and start
in no time. They run one thread and never touch CUDA, which is what makes a fork safe.

A worker that stays on one recording for longer than the patience is ended, as is one whose decoder crashes. Another
takes its place and treats the recording as unreadable, so the batches are those of a data set in which it is.
"""

import logging
import mmap
import os
import signal
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from multiprocessing.connection import Connection, wait
from multiprocessing.util import Finalize
from typing import Self

import numpy as np
import torch

from mmssl.data.collate import fresh, in_order
from mmssl.data.nursery import Nursery
from mmssl.data.plan import Plan, Ready
from mmssl.data.ring import Memory, Ring
from mmssl.data.watch import NONE
from mmssl.data.worker import Answer, Shift, Task
from mmssl.errors import Fault, MmsslError, TrainingError

_RESPAWNS = 3  # workers that something from outside may kill before the run ends
_CRASHES = {signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGABRT}

_log = logging.getLogger(__name__)


class Workers:
    """Forked processes and the memory that they fill; use it in a `with` block.

    Args:
        plan: what they make.
        count: of processes.
        patience: seconds without an answer, on one recording, that the trainer waits.
        pin: copy into page-locked memory.
    """

    def __init__(self, plan: Plan, count: int, *, patience: float, pin: bool = False) -> None:
        self.plan, self.patience, self.pin = plan, patience, pin
        self.ring = Ring(plan.format, plan.size)
        units = plan.size // plan.unit
        bounds = (np.linspace(0, units, min(count, units) + 1).round().astype(int) * plan.unit).tolist()
        self.rows = [range(begin, end) for begin, end in pairwise(bounds)]
        self.marks = np.frombuffer(mmap.mmap(-1, 16 * len(self.rows)), np.int64).reshape(-1, 2)
        self.tasks: list[deque[Task]] = [deque() for _ in self.rows]
        self.condemned: dict[int, tuple[Fault, str]] = {}
        self.ended: set[int] = set()  # process ids of workers that were ended on purpose
        self.killed = 0  # by something from outside
        self.nursery = Nursery(Shift(plan, self.ring, self.rows, self.marks))
        self.pipes: list[Connection] = []
        self.pids: list[int] = []
        for worker in range(len(self.rows)):
            pipe, pid = self._start(worker)
            self.pipes.append(pipe)
            self.pids.append(pid)
        # A `with` block that an error leaves unfinished ends here: before multiprocessing would wait for processes that
        # wait for their pipe.
        self._finish = Finalize(self, _end, (self.pipes, self.nursery), exitpriority=1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._finish()

    def batches(self, numbers: Iterable[int]) -> Iterator[Ready]:
        """In order; the next ones are made meanwhile.

        Raises:
            TrainingError: a worker failed for another reason than a recording.
            MmsslError: what a worker raised.
        """
        coming = iter(numbers)
        pending: deque[int] = deque()

        def give() -> None:
            while self.ring.free and (number := next(coming, None)) is not None:
                pending.append(self.ring.free.popleft())
                for worker in range(len(self.pipes)):
                    self._send(worker, Task(number, pending[-1], self.condemned))

        give()
        while pending:
            place = pending.popleft()
            ready = self._assemble([self._receive(worker) for worker in range(len(self.pipes))], place)
            give()
            yield ready
            del ready  # else its place would wait for the batch after it
            give()

    def _send(self, worker: int, task: Task) -> None:
        self.tasks[worker].append(task)
        try:
            self.pipes[worker].send(task)
        except (BrokenPipeError, ConnectionResetError):
            self._replace(worker)

    def _receive(self, worker: int) -> Answer:
        while True:
            self._await(worker)
            try:
                answer: Answer | MmsslError = self.pipes[worker].recv()
            except (EOFError, ConnectionResetError):
                self._replace(worker)
                continue
            if isinstance(answer, MmsslError):
                raise answer
            self.tasks[worker].popleft()
            return answer

    def _await(self, worker: int) -> None:
        """Until there is something to receive, if only the end of the worker."""
        look = min(1.0, self.patience / 4)
        waited, seen = 0.0, (0, NONE)
        while not wait([self.pipes[worker]], look):
            count, number = (int(value) for value in self.marks[worker])
            # Only looks are counted, as the clock goes on while a whole group of processes is stopped.
            waited = waited + look if (count, number) == seen else 0.0
            seen = count, number
            if waited < self.patience:
                continue
            if number == NONE or number in self.condemned:
                raise TrainingError(
                    f"worker process {self.pids[worker]} has given nothing for {self.patience:g} s; a file may be on "
                    "storage that does not answer: look at it with workers=0"
                )
            detail = f"its decoder did not end within {self.patience:g} s; remove it, or give Clips more patience"
            self.condemned[number] = Fault.TIMEOUT, detail
            self.ended.add(self.pids[worker])
            os.kill(self.pids[worker], signal.SIGKILL)
            seen, waited = (0, NONE), 0.0

    def _replace(self, worker: int) -> None:
        """Start another in the place of one that ended, and give it what that one still had to do.

        Raises:
            TrainingError: it ended by an error of the code, or too many were killed.
        """
        pid, number = self.pids[worker], int(self.marks[worker][1])
        status = self.nursery.ended(worker, pid)
        if status >= 0:
            cause = f"worker process {pid} ended with status {status}"
            raise TrainingError(f"{cause}, its error stands above; workers=0 shows it in place")
        name = signal.Signals(-status).name
        if -status in _CRASHES and number not in (NONE, *self.condemned):
            self.condemned[number] = Fault.CORRUPT, f"decoding it ends the process by {name}; remove it"
        elif pid not in self.ended:
            self.killed += 1
            cause = f"worker process {pid} was killed by {name}"
            if self.killed > _RESPAWNS:
                advice = "most often for want of memory: take fewer workers or smaller clips"
                raise TrainingError(f"{cause}, as were {_RESPAWNS} before it, {advice}")
            _log.warning("%s; another takes its place (%d of %d)", cause, self.killed, _RESPAWNS)
        self.pipes[worker].close()
        self.pipes[worker], self.pids[worker] = self._start(worker)
        left, self.tasks[worker] = self.tasks[worker], deque()
        for task in left:
            self._send(worker, Task(task.number, task.place, self.condemned))

    def _start(self, worker: int) -> tuple[Connection, int]:
        self.marks[worker] = 0, NONE
        return self.nursery.start(worker)

    def _assemble(self, answers: list[Answer], place: int) -> Ready:
        """A batch of what the workers made; the place it was made in is lent with it, or free."""
        given = [(rows, answer) for rows, answer in zip(self.rows, answers, strict=True) if answer.keys]
        tried, faults = sum(answer.tried for answer in answers), [f for answer in answers for f in answer.faults]
        if not given:
            self.ring.free.append(place)
            return Ready(None, tried, faults)
        tensors = {
            name: torch.from_numpy(np.concatenate([answer.arrays[name] for _, answer in given]))
            for name in given[0][1].arrays
        }
        keys = tuple(key for _, answer in given for key in answer.keys)
        parts = [range(rows.start, rows.start + len(answer.keys)) for rows, answer in given]
        whole = parts[0].start == 0 and all(one.stop == other.start for one, other in pairwise(parts))
        memory = self.ring.lend(place, len(keys)) if whole and not self.pin else None
        if memory is None:
            memory = self._copy(place, parts)
            self.ring.free.append(place)
        batch = in_order(keys, {**tensors, **memory})
        return Ready(batch.pin_memory() if self.pin else batch, tried, faults)

    def _copy(self, place: int, parts: list[range]) -> Memory:
        """Rows without the gaps of those that were left out."""
        memory, end = self.ring.memory(place), 0
        copied = fresh(self.plan.format, sum(map(len, parts)), pin=self.pin)
        for part in parts:
            for name, tensor in copied.items():
                tensor[end : end + len(part)] = memory[name][part.start : part.stop]
            end += len(part)
        return copied


def _end(pipes: Sequence[Connection], nursery: Nursery) -> None:
    for pipe in pipes:
        pipe.close()
    nursery.close()
