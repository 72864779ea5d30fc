"""The life of a process that decodes: it fills its rows of a batch in memory that all share."""

import math
import mmap
import os
import signal
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from mmssl.data.clip import collate
from mmssl.data.plan import Plan
from mmssl.errors import MediaError, MmsslError

Slot = dict[str, Tensor]  # memory of one batch


@dataclass(frozen=True)
class Answer:
    """A worker's rows without what it wrote into the shared memory."""

    keys: tuple[str, ...]
    arrays: dict[str, NDArray[Any]]
    tried: int
    faults: list[MediaError]


def shared_slot(plan: Plan) -> Slot:
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


def _answer(plan: Plan, number: int, rows: range, slot: Slot) -> Answer:
    made = plan.make(number, rows)
    if not made.clips:
        return Answer((), {}, made.tried, made.faults)
    batch = collate(made.clips, plan.format, {name: tensor[rows.start :] for name, tensor in slot.items()})
    arrays = {name: tensor.numpy() for name, tensor in batch.tensors() if name not in slot}
    return Answer(batch.keys, arrays, made.tried, made.faults)


def work(plan: Plan, slots: list[Slot], rows: range, mine: Connection, others: list[Connection]) -> None:
    """(Number of a batch, number of a slot) in, answer out, until the pipe closes.

    Args:
        plan: what to make.
        slots: where.
        rows: of each batch, this worker's.
        mine: its end of its pipe.
        others: all other ends, which came along with the fork.
    """
    # Ctrl-C, and the SIGTERM of timeout, systemd or a scheduler, reach the whole group of processes. The trainer still
    # needs its clips to end the step and save; then it closes the pipe.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
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
                answer: Answer | MmsslError = _answer(plan, number, rows, slots[slot])
            except MmsslError as error:
                answer = error
            mine.send(answer)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return
