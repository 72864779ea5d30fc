"""Labels with times, read from JSON or CSV."""

import csv
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmssl.data.fields import FieldError, seconds
from mmssl.errors import UsageError

_FORM = 'a JSON list of {"time": seconds, "label": words}, with "end" for spans, or a CSV of such columns'


@dataclass(frozen=True)
class TimedLabel:
    """Words for a moment, or for the seconds up to `end`."""

    time: float
    label: str
    end: float | None = None

    def moved(self, to: Callable[[float], float]) -> "TimedLabel":
        """The same at other times."""
        return TimedLabel(round(to(self.time), 6), self.label, None if self.end is None else round(to(self.end), 6))

    def to_json(self) -> dict[str, Any]:
        """Its fields, without an end that it has not."""
        return {name: value for name, value in vars(self).items() if value is not None}


def read_labels(path: Path) -> list[TimedLabel]:
    """All of a file; `start` says the same as `time`.

    Raises:
        UsageError: it is missing or of another form.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        rows = list(csv.DictReader(text.splitlines())) if path.suffix.lower() == ".csv" else json.loads(text)
        return [_label(row) for row in rows]
    except OSError as error:
        raise UsageError(f"{path}: cannot read the labels ({error.strerror}); give the path of a file") from error
    except (ValueError, TypeError, AttributeError, KeyError, csv.Error, RecursionError) as error:
        raise UsageError(f"{path}: not {_FORM} ({error!s:.100})") from error


def _label(row: dict[str, Any]) -> TimedLabel:
    time = seconds("time", row.get("time", row.get("start")))
    if time is None:
        raise FieldError("time", "is missing")
    return TimedLabel(time, str(row["label"]), seconds("end", row.get("end")))
