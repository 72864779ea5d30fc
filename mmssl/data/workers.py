"""Processes that decode: each fills its rows of a batch in memory that all share.

Every worker has a part of every batch, so a batch is ready after its share of the time, and results arrive in order
without sorting. Pictures and sound are written where the trainer reads them; only the small rest goes through a pipe.

Workers are forked. They share the recordings' list with their parent, take anything that a recipe defines, and start
in no time; the memory is an anonymous mapping, which no limit of `/dev/shm` touches. They run one thread and never
touch CUDA, which is what makes a fork safe.
"""

import signal
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from multiprocessing import get_context
from multiprocessing.connection import Connection, Pipe, wait
from multiprocessing.process import BaseProcess
from multiprocessing.util import Finalize
from typing import Self

import numpy as np
import torch

from mmssl.data.clip import in_order
from mmssl.data.plan import Plan, Ready
from mmssl.data.worker import Answer, Slot, shared_slot, work
from mmssl.errors import MmsslError, TrainingError

_SLOTS = 3  # batches in the making
_PATIENCE = 600.0  # seconds without an answer after which a worker counts as hanging


class Workers:
    """Forked processes and the memory that they fill; use it in a `with` block.

    Args:
        plan: what they make.
        count: of processes.
        pin: copy into page-locked memory.
    """

    def __init__(self, plan: Plan, count: int, *, pin: bool = False) -> None:
        self.pin = pin
        self.slots = [shared_slot(plan) for _ in range(_SLOTS)]
        bounds = np.linspace(0, plan.size, min(count, plan.size) + 1).round().astype(int).tolist()
        self.rows = [range(begin, end) for begin, end in pairwise(bounds)]
        pipes = [Pipe() for _ in self.rows]
        self.pipes = [ours for ours, _ in pipes]
        context, ends = get_context("fork"), [end for pipe in pipes for end in pipe]
        self.processes = [
            context.Process(
                target=work,
                args=(plan, self.slots, rows, theirs, [end for end in ends if end is not theirs]),
                daemon=True,
            )
            for rows, (_, theirs) in zip(self.rows, pipes, strict=True)
        ]
        for process in self.processes:
            process.start()
        for _, theirs in pipes:
            theirs.close()
        # A `with` block that an error leaves unfinished ends here: before multiprocessing would wait for workers that
        # wait for their pipe.
        self._finish = Finalize(self, _end, (self.pipes, self.processes), exitpriority=1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._finish()

    def batches(self, numbers: Iterable[int]) -> Iterator[Ready]:
        """In order; the next ones are made meanwhile.

        Raises:
            TrainingError: a worker died or hangs.
            MmsslError: what a worker raised.
        """
        coming, free = iter(numbers), deque(range(_SLOTS))
        pending: deque[int] = deque()

        def give() -> None:
            while free and (number := next(coming, None)) is not None:
                pending.append(free.popleft())
                for worker in range(len(self.pipes)):
                    self._send(worker, (number, pending[-1]))

        give()
        while pending:
            slot = pending.popleft()
            answers = [self._receive(worker) for worker in range(len(self.pipes))]
            ready = self._assemble(answers, self.slots[slot])
            free.append(slot)
            give()
            yield ready

    def _send(self, worker: int, task: tuple[int, int]) -> None:
        try:
            self.pipes[worker].send(task)
        except (BrokenPipeError, ConnectionResetError):
            raise self._death(worker) from None

    def _receive(self, worker: int) -> Answer:
        pipe, process = self.pipes[worker], self.processes[worker]
        if not wait([pipe, process.sentinel], _PATIENCE):
            raise TrainingError(
                f"worker process {process.pid} has given nothing for {_PATIENCE:.0f} s; a file may be on storage that "
                "does not answer: look at it with workers=0"
            )
        try:
            answer: Answer | MmsslError = pipe.recv()
        except (EOFError, ConnectionResetError):
            raise self._death(worker) from None
        if isinstance(answer, MmsslError):
            raise answer
        return answer

    def _death(self, worker: int) -> TrainingError:
        process = self.processes[worker]
        process.join(5)
        code = process.exitcode or 0
        if code < 0:
            cause = f"was killed by {signal.Signals(-code).name}"
            advice = "most often for want of memory: take fewer workers or smaller clips"
        else:
            cause, advice = f"ended with status {code}", "its error stands above; workers=0 shows it in place"
        return TrainingError(f"worker process {process.pid} {cause}, {advice}")

    def _assemble(self, answers: list[Answer], slot: Slot) -> Ready:
        """Copy out of the shared memory, closing the gaps of rows that were left out."""
        given = [(rows, answer) for rows, answer in zip(self.rows, answers, strict=True) if answer.keys]
        tried, faults = sum(answer.tried for answer in answers), [f for answer in answers for f in answer.faults]
        if not given:
            return Ready(None, tried, faults)
        tensors = {
            name: torch.from_numpy(np.concatenate([answer.arrays[name] for _, answer in given]))
            for name in given[0][1].arrays
        }
        keys = tuple(key for _, answer in given for key in answer.keys)
        for name, memory in slot.items():
            tensors[name] = torch.empty((len(keys), *memory.shape[1:]), dtype=memory.dtype, pin_memory=self.pin)
            parts = [memory[rows.start : rows.start + len(answer.keys)] for rows, answer in given]
            torch.cat(parts, out=tensors[name])
        batch = in_order(keys, tensors)
        return Ready(batch.pin_memory() if self.pin else batch, tried, faults)


def _end(pipes: Sequence[Connection], processes: Sequence[BaseProcess]) -> None:
    for pipe in pipes:
        pipe.close()
    for process in processes:
        process.join(0.5)
        if process.is_alive():
            process.kill()  # it decodes for nobody
            process.join()
        process.close()
