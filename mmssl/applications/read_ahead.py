"""Several readers at once, in threads: decoders let other threads run while they decode."""

import threading
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import chain
from queue import Full, Queue
from typing import Generic, TypeVar

T = TypeVar("T")

_DEPTH = 2  # items that wait for the consumer, of each reader
_END = object()


@dataclass
class _Line(Generic[T]):
    """Items of one reader on their way."""

    reader: Iterator[T]
    stop: threading.Event
    items: "Queue[T | object]" = field(default_factory=lambda: Queue(_DEPTH))

    def fill(self) -> None:
        try:
            for item in self.reader:
                if not self._put(item):
                    return
        finally:
            self._put(_END)

    def _put(self, item: T | object) -> bool:
        """False when nobody wants more."""
        while not self.stop.is_set():
            try:
                self.items.put(item, timeout=0.1)
            except Full:
                continue
            return True
        return False


def read_ahead(readers: Iterable[Iterator[T]], threads: int) -> Generator[T, None, None]:
    """The items of all readers, in order, while the next readers work ahead; at most two items of each wait.

    Args:
        readers: iterators, each run in one thread; what one raises is raised here.
        threads: readers at once; 0 reads in this thread.
    """
    if threads == 0:
        yield from chain.from_iterable(readers)
        return
    stop = threading.Event()
    coming = iter(readers)
    lines: deque[tuple[_Line[T], Future[None]]] = deque()
    pool = ThreadPoolExecutor(threads, thread_name_prefix="read-ahead")
    try:
        while True:
            for reader in coming:
                line = _Line(reader, stop)
                lines.append((line, pool.submit(line.fill)))
                if len(lines) == threads:
                    break
            if not lines:
                return
            line, future = lines.popleft()
            while (item := line.items.get()) is not _END:
                yield item  # type: ignore[misc]
            future.result()
    finally:
        stop.set()
        pool.shutdown(cancel_futures=True)
