"""By how much the sound of a recording is late, whatever file says so."""

import csv
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

from mmssl.data.recordings import Recording
from mmssl.data.synthetic.truth import Truth
from mmssl.errors import UsageError


class OffsetTruth(Protocol):
    """The true offsets of a data set."""

    def __call__(self, recording: Recording) -> float | None:
        """Seconds by which its sound is late: what is seen at t is heard at t + offset. None where it is not known."""
        ...


@dataclass(frozen=True)
class WorldOffset:
    """Of the synthetic world; any other recording is taken to be in synchrony."""

    def __call__(self, recording: Recording) -> float | None:
        """None where the sound is another scene's or comes from outside the picture."""
        if "truth" not in recording.extra:
            return 0.0
        truth = Truth.from_json(recording.extra["truth"])
        return truth.offset if truth.sounding else None


@dataclass(frozen=True)
class OffsetFile:
    """A CSV file with the columns `file` and `offset`: the last part of a recording's key, and seconds."""

    path: str

    @cached_property
    def offsets(self) -> dict[str, float]:
        """By name.

        Raises:
            UsageError: the file is missing, or not of this form.
        """
        try:
            with Path(self.path).open(encoding="utf-8", newline="") as file:
                return {row["file"]: float(row["offset"]) for row in csv.DictReader(file)}
        except OSError as error:
            raise UsageError(f"{self.path}: cannot read offsets ({error.strerror}); give the path of a file") from error
        except (ValueError, KeyError, TypeError, csv.Error) as error:
            raise UsageError(f"{self.path}: not a CSV file with the columns file and offset ({error})") from error

    def __call__(self, recording: Recording) -> float | None:
        """None for a recording that the file does not name."""
        return self.offsets.get(recording.key.rsplit("/", 1)[-1])
