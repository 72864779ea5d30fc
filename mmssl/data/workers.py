"""Processes that decode: each fills its rows of a batch in memory that all share.

Every worker has a part of every batch, so a batch is ready after its share of the time, and results arrive in order
without sorting. Pictures and sound are written where the trainer reads them; only the small rest goes through a pipe.

Workers are forked. They share the recordings' list with their parent, take anything that a recipe defines, and start
in no time; the memory is an anonymous mapping, which no limit of `/dev/shm` touches. They run one thread and never
touch CUDA, which is what makes a fork safe.
"""

import math
import mmap
import os
import signal
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from multiprocessing import get_context
from multiprocessing.connection import Connection, Pipe, wait
from typing import Any, Protocol, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mmssl.batch import Batch
from mmssl.data.clip import Clip, ClipFormat, collate, in_order
from mmssl.errors import MediaError, MmsslError, TrainingError

_SLOTS = 3  # batches in the making
_PATIENCE = 600.0  # seconds without an answer after which a worker counts as hanging


@dataclass(frozen=True)
class Made:
    """What decoding gave: clips in order, how many were tried, and what could not be read."""

    clips: list[Clip]
    tried: int
    faults: list[MediaError]


class Plan(Protocol):
    """Which clips are in a batch."""

    size: int  # rows of a batch, at most

    @property
    def format(self) -> ClipFormat:
        """Of the clips."""
        ...

    def make(self, number: int, rows: range) -> Made:
        """Decode these rows of one batch."""
        ...


@dataclass(frozen=True)
class Ready:
    """A batch, None when nothing in it could be read."""

    batch: Batch | None
    tried: int
    faults: list[MediaError]


@dataclass(frozen=True)
class _Answer:
    """A worker's rows without what it wrote into the shared memory."""

    keys: tuple[str, ...]
    arrays: dict[str, NDArray[Any]]
    tried: int
    faults: list[MediaError]


def _slot(plan: Plan) -> dict[str, Tensor]:
    """Memory for one batch that forked processes share."""
    form = plan.format
    shapes: dict[str, tuple[tuple[int, ...], torch.dtype]] = {}
    if form.frames:
        shapes["video"] = ((plan.size, form.frames, 3, form.pixels, form.pixels), torch.uint8)
    if form.sample_rate:
        shapes["audio"] = ((plan.size, form.samples), torch.float32)
    return {
        name: torch.frombuffer(mmap.mmap(-1, math.prod(shape) * dtype.itemsize), dtype=dtype).view(shape)
        for name, (shape, dtype) in shapes.items()
    }


def _answer(plan: Plan, number: int, rows: range, slot: dict[str, Tensor]) -> _Answer:
    made = plan.make(number, rows)
    if not made.clips:
        return _Answer((), {}, made.tried, made.faults)
    batch = collate(made.clips, plan.format, {name: tensor[rows.start :] for name, tensor in slot.items()})
    arrays = {name: tensor.numpy() for name, tensor in batch.tensors() if name not in slot}
    return _Answer(batch.keys, arrays, made.tried, made.faults)


def _work(plan: Plan, slots: list[dict[str, Tensor]], rows: range, mine: Connection, others: list[Connection]) -> None:
    """The life of a worker: (number, slot) in, answer out, until the pipe closes."""
    # A Ctrl-C reaches the whole group of processes, and the trainer's own handlers came along with the fork.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    # Else this process holds pipes open whose closing tells the others that the trainer is gone.
    for connection in others:
        connection.close()
    torch.set_num_threads(1)
    # A tokenizer that was used before the fork else warns about its threads.
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    try:
        while True:
            number, slot = mine.recv()
            try:
                answer: _Answer | MmsslError = _answer(plan, number, rows, slots[slot])
            except MmsslError as error:
                answer = error
            mine.send(answer)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return


class Workers:
    """Forked processes and the memory that they fill; use it in a `with` block.

    Args:
        plan: what they make.
        count: of processes.
        pin: copy into page-locked memory.
    """

    def __init__(self, plan: Plan, count: int, *, pin: bool = False) -> None:
        self.pin = pin
        self.slots = [_slot(plan) for _ in range(_SLOTS)]
        bounds = np.linspace(0, plan.size, min(count, plan.size) + 1).round().astype(int).tolist()
        self.rows = [range(begin, end) for begin, end in pairwise(bounds)]
        pipes = [Pipe() for _ in self.rows]
        self.pipes = [ours for ours, _ in pipes]
        context, ends = get_context("fork"), [end for pipe in pipes for end in pipe]
        self.processes = [
            context.Process(
                target=_work,
                args=(plan, self.slots, rows, theirs, [end for end in ends if end is not theirs]),
                daemon=True,
            )
            for rows, (_, theirs) in zip(self.rows, pipes, strict=True)
        ]
        for process in self.processes:
            process.start()
        for _, theirs in pipes:
            theirs.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for pipe in self.pipes:
            pipe.close()
        for process in self.processes:
            process.join(0.5)
            if process.is_alive():
                process.kill()  # it decodes for nobody
                process.join()
            process.close()

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

    def _receive(self, worker: int) -> _Answer:
        pipe, process = self.pipes[worker], self.processes[worker]
        if not wait([pipe, process.sentinel], _PATIENCE):
            raise TrainingError(
                f"worker process {process.pid} has given nothing for {_PATIENCE:.0f} s; a file may be on storage that "
                "does not answer: look at it with workers=0"
            )
        try:
            answer: _Answer | MmsslError = pipe.recv()
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

    def _assemble(self, answers: list[_Answer], slot: dict[str, Tensor]) -> Ready:
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


def batches_here(plan: Plan, numbers: Iterable[int], *, pin: bool) -> Iterator[Ready]:
    """The same without workers."""
    for number in numbers:
        made = plan.make(number, range(plan.size))
        batch = collate(made.clips, plan.format) if made.clips else None
        yield Ready(batch.pin_memory() if pin and batch is not None else batch, made.tried, made.faults)
