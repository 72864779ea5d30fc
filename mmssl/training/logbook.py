"""`log.csv`, `metrics.jsonl` and TensorBoard events of a run folder."""

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def _rows_until(path: Path, step: int) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return [row for row in csv.DictReader(file) if int(row["step"]) <= step]


class Logbook:
    """Writes as training goes; a resumed run first drops what a killed one wrote after its checkpoint.

    Args:
        folder: the run folder.
        step: where training starts.
    """

    def __init__(self, folder: Path, step: int) -> None:
        # 0.2 s, and only a run needs it.
        from tensorboard.summary import Writer  # type: ignore[import-untyped]

        self._csv, self._json = folder / "log.csv", folder / "metrics.jsonl"
        earlier = _rows_until(self._csv, step) if self._csv.exists() else []
        self._evaluations = {number: line for number, line in self._measured().items() if number <= step}
        self._file = self._csv.open("w", newline="")
        self._table: csv.DictWriter[str] | None = None
        for row in earlier:
            self._row(row)
        self._board = Writer(str(folder / "tensorboard"))

    def _measured(self) -> dict[int, str]:
        lines = self._json.read_text().splitlines(keepends=True) if self._json.exists() else []
        return {json.loads(line)["step"]: line for line in lines}

    def _row(self, row: Mapping[str, Any]) -> None:
        if self._table is None:
            # Columns are those of the first row; a term that comes later is in TensorBoard alone.
            self._table = csv.DictWriter(self._file, list(row), extrasaction="ignore")
            self._table.writeheader()
        self._table.writerow(row)

    def step(self, step: int, numbers: Mapping[str, float]) -> None:
        """Numbers of one step: a row of `log.csv`."""
        self._row({"step": step, **numbers})
        self._scalars("train", step, numbers)

    def evaluation(self, step: int, numbers: Mapping[str, float]) -> None:
        """Numbers of an evaluation: a line of `metrics.jsonl`."""
        # By step, as a finished run that is resumed measures its last step again.
        self._evaluations[step] = json.dumps({"step": step, **numbers}) + "\n"
        self._json.write_text("".join(self._evaluations.values()))
        self._scalars("evaluation", step, numbers)

    def _scalars(self, part: str, step: int, numbers: Mapping[str, float]) -> None:
        for name, value in numbers.items():
            self._board.add_scalar(f"{part}/{name}", value, step)

    def flush(self) -> None:
        """Everything is on disk; before a checkpoint says that this step is done."""
        self._file.flush()
        self._board.flush()

    def close(self) -> None:
        """The end."""
        self._file.close()
        self._board.close()
