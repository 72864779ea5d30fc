"""`log.csv`, `metrics.jsonl`, `left_out.jsonl` and TensorBoard events of a run folder."""

import csv
import json
from collections.abc import Iterable, Mapping
from contextlib import ExitStack, closing, suppress
from io import StringIO
from pathlib import Path
from typing import Any, TextIO

from mmssl.data.atomic import write_atomically
from mmssl.training.board import Board
from mmssl.training.readings import Reading


def _rows_until(path: Path, step: int) -> list[dict[str, str]]:
    """Whole rows alone: a full disk or a kill can leave half of one at the end."""
    lines = path.read_text().splitlines(keepends=True) if path.exists() else []
    rows = csv.DictReader(line for line in lines if line.endswith("\n"))
    return [row for row in rows if row["step"] and int(row["step"]) <= step and None not in row.values()]


def _table(file: TextIO, columns: Iterable[str]) -> "csv.DictWriter[str]":
    """Columns are those of the first row; a term that comes later is in TensorBoard alone."""
    return csv.DictWriter(file, list(columns), extrasaction="ignore")


def _lines(path: Path, step: int) -> dict[int, str]:
    """Step to line."""
    lines = path.read_text().splitlines(keepends=True) if path.exists() else []
    found = {json.loads(line)["step"]: line for line in lines}
    return {number: line for number, line in found.items() if number <= step}


class Logbook:
    """Writes as training goes; a resumed run first drops what a killed one wrote after its checkpoint.

    Args:
        folder: the run folder.
        step: where training starts.

    Raises:
        OSError: here and in every method but `close`, a file cannot be written.
    """

    def __init__(self, folder: Path, step: int) -> None:
        self._stack = ExitStack()
        self._files = {name: folder / f"{name}.jsonl" for name in ("metrics", "left_out")}
        self._lines = {name: _lines(file, step) for name, file in self._files.items()}
        path, text = folder / "log.csv", StringIO()
        self._table: csv.DictWriter[str] | None = None
        if earlier := _rows_until(path, step):
            self._table = _table(text, earlier[0])
            self._table.writeheader()
            self._table.writerows(earlier)
        write_atomically(path, text.getvalue())
        # A row is one write, so that a kill leaves none in half.
        self._file = self._stack.enter_context(path.open("a", newline="", buffering=1))
        if self._table is not None:
            self._table = _table(self._file, self._table.fieldnames)
        self._board = self._stack.enter_context(closing(Board(folder / "tensorboard")))

    def step(self, step: int, numbers: Mapping[str, float]) -> None:
        """Numbers of one step: a row of `log.csv`."""
        row = {"step": step, **numbers}
        if self._table is None:
            self._table = _table(self._file, row)
            self._table.writeheader()
        self._table.writerow(row)
        self._scalars("train", step, numbers)

    def evaluation(self, step: int, numbers: Mapping[str, float]) -> None:
        """Numbers of an evaluation: a line of `metrics.jsonl`."""
        self._line("metrics", {"step": step, **numbers})
        self._scalars("evaluation", step, numbers)

    def left_out(self, reading: Reading) -> None:
        """A step whose loss or gradient was not finite: a line of `left_out.jsonl`."""
        # As words, since JSON has no number that is not finite.
        numbers = {name: str(value) for name, value in reading.numbers.items()}
        self._line("left_out", {"step": reading.step, "fault": reading.fault, **numbers})

    def _line(self, name: str, content: Mapping[str, Any]) -> None:
        # By step, as a finished run that is resumed measures its last step again.
        self._lines[name][content["step"]] = json.dumps(content) + "\n"
        write_atomically(self._files[name], "".join(self._lines[name].values()))

    def _scalars(self, part: str, step: int, numbers: Mapping[str, float]) -> None:
        for name, value in numbers.items():
            self._board.scalar(f"{part}/{name}", value, step)

    def flush(self) -> None:
        """Everything is with the system; before a checkpoint says that this step is done."""
        self._file.flush()
        self._board.flush()

    def close(self) -> None:
        """The end, also where the disk is full."""
        with suppress(OSError):  # it has been told when it was written
            self._stack.close()
