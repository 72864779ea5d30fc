"""What process 0 tells and writes while all train; the others are silent."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Self

from mmssl.distributed import rank
from mmssl.errors import CheckpointError, TrainingError
from mmssl.training.checkpoint import Checkpoints
from mmssl.training.first_steps import FirstSteps
from mmssl.training.logbook import Logbook
from mmssl.training.measures import headline
from mmssl.training.progress import Progress
from mmssl.training.readings import LIMIT, WINDOW, Reading
from mmssl.training.state import State

SHOWN = 6  # measures in the line of an evaluation; the others are in metrics.jsonl
FAILURES = 3  # unsaved checkpoints in a row that end the run


class Journal:
    """Progress, logs and checkpoints, on process 0 alone.

    Args:
        folder: the run folder.
        start: steps that are done.
        steps: of the whole run.
        first: what watches the first steps.
    """

    def __init__(self, folder: Path, start: int, steps: int, first: FirstSteps) -> None:
        self.folder, self._first = folder, first
        self._stack = ExitStack()
        self._failures = 0
        self._unwritten = False
        self._pace: dict[int, Mapping[str, float]] = {}
        self.measured: tuple[int, Mapping[str, float]] = (start, {})  # the last evaluation, and after which step
        if rank() == 0:
            self._logbook = self._stack.enter_context(closing(Logbook(folder, start)))
            self._progress = self._stack.enter_context(Progress(steps, start))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._stack.close()

    def say(self, text: str) -> None:
        """A line for people."""
        if rank() == 0:
            self._progress.say(text)

    def pace(self, step: int, numbers: Mapping[str, float]) -> None:
        """What is known at once about a step, until its loss arrives."""
        self._pace[step] = numbers
        for note in self._first.notes(step):
            self.say(note)

    def reading(self, reading: Reading | None) -> None:
        """The loss of a step has arrived.

        Raises:
            TrainingError: too many steps of late had to be left out, or the first teach nothing.
        """
        if reading is None:
            return
        numbers = {**reading.numbers, **self._pace.pop(reading.step)}
        self.write(lambda: self._logbook.step(reading.step, numbers))
        if reading.fault:
            self._left_out(reading)
        elif rank() == 0:
            self._progress.step(reading.step, numbers)
        self._first.reading(reading)

    def _left_out(self, reading: Reading) -> None:
        found = f"step {reading.step}: {reading.fault}"
        self.write(lambda: self._logbook.left_out(reading))
        if reading.recent >= LIMIT:
            raise TrainingError(
                f"{found}; {reading.recent} of the last {WINDOW} steps were left out for that, see "
                f"{self.folder / 'left_out.jsonl'}; the weights are those before: resume from the last checkpoint with "
                "a lower lr or clip_norm, or look at these clips"
            )
        self.say(f"warning: {found}; the step is left out, {reading.recent} of {LIMIT} that end the run")

    def evaluation(self, step: int, numbers: Mapping[str, float]) -> None:
        """Held-out numbers."""
        if rank() == 0 and numbers:
            self.measured = (step, numbers)
            self.write(lambda: self._logbook.evaluation(step, numbers))
            self.say(f"step {step}  " + "  ".join(str(measure) for measure in headline(numbers, SHOWN)))

    def save(self, checkpoints: Checkpoints, step: int, state: State, facts: Mapping[str, object], last: bool) -> None:
        """Save a checkpoint; one that fails is told, as the next may work.

        Raises:
            CheckpointError: the third in a row failed, or the last of the run.
            TrainingError: a weight is not finite.
        """
        parts = state.parts()  # on all processes, as each may hold a share of it
        if rank() != 0:
            return
        state.check_finite(step, parts["model"])
        self.write(self._logbook.flush)
        try:
            checkpoints.save(step, parts, dict(facts))
        except CheckpointError as error:
            self._failures += 1
            if last or self._failures == FAILURES:
                raise
            self.say(f"warning: {error}")
        else:
            self._failures = 0

    def write(self, write: Callable[[], None]) -> None:
        """Logs are worth less than the training: one that cannot be written is told once, and it goes on.

        Whether it must stop the checkpoints decide, which are on the same disk.
        """
        if rank() != 0:
            return
        try:
            write()
        except OSError as error:
            if not self._unwritten:
                self.say(f"warning: {error.filename or self.folder}: not written ({error.strerror}); the log has gaps")
            self._unwritten = True
