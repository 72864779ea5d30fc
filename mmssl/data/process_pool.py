"""Processes that share a list of work and leave Ctrl-C to their parent."""

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any

_THREADS = "OPENBLAS_NUM_THREADS"


@contextmanager
def process_pool(
    workers: int, initializer: Callable[..., None] | None = None, initargs: tuple[Any, ...] = ()
) -> Iterator[ProcessPoolExecutor]:
    """A pool that on leaving, also by Ctrl-C or an error, drops what has not begun and waits for what has.

    Spawned, not forked: decoders, the network library and progress bars run threads, whose locks a forked child would
    wait for forever. Each computes in one thread: two of OpenBLAS's have been seen to wait for each other without end.
    """
    before = os.environ.get(_THREADS)
    os.environ[_THREADS] = "1"  # numpy of a child reads it when it is imported
    pool = ProcessPoolExecutor(workers, get_context("spawn"), initializer=initializer, initargs=initargs)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)
        if before is None:
            del os.environ[_THREADS]
        else:
            os.environ[_THREADS] = before


@contextmanager
def interrupts_held() -> Iterator[None]:
    """Ctrl-C waits until the end of this block, and never reaches processes that are started in it.

    A child inherits which signals are blocked, so it is deaf from its first instruction on. Submit to a pool in here.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
