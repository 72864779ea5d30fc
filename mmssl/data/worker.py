"""The life of a process that decodes: it fills its rows of a batch in memory that all share."""

import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import torch
from numpy.typing import NDArray

from mmssl.data.allocator import keep_freed_memory
from mmssl.data.collate import collate
from mmssl.data.packed_strings import Ints
from mmssl.data.plan import Plan
from mmssl.data.ring import Ring
from mmssl.data.watch import Condemned, Watch
from mmssl.errors import MediaError, MmsslError


@dataclass(frozen=True)
class Task:
    """What a worker is to do.

    Attributes:
        number: of the batch.
        place: in the ring.
        condemned: recordings that must not be opened.
    """

    number: int
    place: int
    condemned: Condemned


@dataclass(frozen=True)
class Answer:
    """A worker's rows without what it wrote into the shared memory."""

    keys: tuple[str, ...]
    arrays: dict[str, NDArray[Any]]
    tried: int
    faults: list[MediaError]


@dataclass(frozen=True)
class Shift:
    """All that workers share.

    Attributes:
        plan: what to make.
        ring: where.
        rows: of each batch, by worker.
        marks: `[workers, 2]` where each says which recording it is on.
    """

    plan: Plan
    ring: Ring
    rows: Sequence[range]
    marks: Ints

    def __call__(self, worker: int, pipe: Connection) -> None:
        """Tasks in, answers out, until the pipe closes."""
        # Ctrl-C, and the SIGTERM of timeout, systemd or a scheduler, reach the whole group of processes. The trainer
        # still needs its clips to end the step and save; then it closes the pipe.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        torch.set_num_threads(1)
        keep_freed_memory()
        # A tokenizer that was used before the fork else warns about its threads.
        os.environ["TOKENIZERS_PARALLELISM"] = "false"
        watch = Watch(self.marks[worker])
        try:
            while True:
                task: Task = pipe.recv()
                watch.condemned = task.condemned
                try:
                    answer: Answer | MmsslError = self._answer(task, self.rows[worker], watch)
                except MmsslError as error:
                    answer = error
                pipe.send(answer)
        except (EOFError, BrokenPipeError, ConnectionResetError):
            return

    def _answer(self, task: Task, rows: range, watch: Watch) -> Answer:
        made = self.plan.make(task.number, rows, watch)
        if not made.clips:
            return Answer((), {}, made.tried, made.faults)
        memory = self.ring.memory(task.place)
        here = {name: tensor[rows.start :] for name, tensor in memory.items()}
        batch = collate(made.clips, self.plan.format, here)
        arrays = {name: tensor.numpy() for name, tensor in batch.tensors() if name not in memory}
        return Answer(batch.keys, arrays, made.tried, made.faults)
