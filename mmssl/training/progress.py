"""How far a training is: a bar on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Self

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

PLAIN_SECONDS = 10.0  # between two plain lines
SMOOTHING = 0.9  # of what is shown; the log has each step's own numbers


class Pace:
    """Clips a second, and the share of the time spent waiting for them."""

    def __init__(self) -> None:
        self._since, self._waited = time.perf_counter(), 0.0

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """The time in this block is waiting."""
        start = time.perf_counter()
        yield
        self._waited += time.perf_counter() - start

    def lap(self, clips: int) -> dict[str, float]:
        """`clips_per_second` and `data_wait` (0 to 1) since the last lap."""
        now = time.perf_counter()
        seconds = max(now - self._since, 1e-9)
        share = {"clips_per_second": clips / seconds, "data_wait": self._waited / seconds}
        self._since, self._waited = now, 0.0
        return share

    def restart(self) -> None:
        """Leave out what was neither training nor waiting: refreshing, evaluating, saving."""
        self._since, self._waited = time.perf_counter(), 0.0


class Progress:
    """Shows steps, loss, clips a second, waiting share, GPU memory and time left.

    Args:
        steps: of the whole run.
        start: where this process begins.
    """

    def __init__(self, steps: int, start: int) -> None:
        self.steps, self.start = steps, start
        self._shown: dict[str, float] = {}
        self._begun = self._printed = time.monotonic()
        self._bar: Bar | None = None
        if sys.stdout.isatty():
            columns = (TextColumn("training"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
            self._bar = Bar(*columns, TimeRemainingColumn(), console=Console())

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
            self._bar.add_task("", total=self.steps, completed=self.start)
        return self

    def __exit__(self, *exc: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def say(self, text: str) -> None:
        """A line of its own."""
        if self._bar is not None:
            self._bar.console.print(text, markup=False, highlight=False)
        else:
            print(text, flush=True)

    def step(self, step: int, numbers: Mapping[str, float]) -> None:
        """After `step` steps; numbers are `loss`, `clips_per_second` and `data_wait`."""
        for name in ("loss", "clips_per_second", "data_wait"):
            before = self._shown.get(name, numbers[name])
            self._shown[name] = SMOOTHING * before + (1 - SMOOTHING) * numbers[name]
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=step, description=self._words())
        elif step == self.steps or time.monotonic() - self._printed >= PLAIN_SECONDS:
            self._printed = time.monotonic()
            left = (self._printed - self._begun) / max(1, step - self.start) * (self.steps - step)
            self.say(f"step {step}/{self.steps}  {self._words()}  {left:.0f} s left")

    def _words(self) -> str:
        words = "loss {loss:.4f}  {clips_per_second:.1f} clips/s  waiting {data_wait:.0%}".format(**self._shown)
        if torch.cuda.is_available():
            words += f"  {torch.cuda.max_memory_allocated() / 2**30:.1f} GiB"
        return words
