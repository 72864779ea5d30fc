"""By how much the sound of a recording is late, whatever file says so."""

import csv
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

from mmssl.data.recordings import Recording
from mmssl.data.synthetic.truth import Track, Truth
from mmssl.errors import UsageError


@dataclass(frozen=True)
class Late:
    """What is seen at t is heard at t + offset.

    Attributes:
        offset: seconds.
        period: seconds after which picture and sound repeat, so that they fit as well at whole multiples of it; None
            where they do not.
    """

    offset: float
    period: float | None = None


class OffsetTruth(Protocol):
    """The true offsets of a data set."""

    def __call__(self, recording: Recording) -> Late | None:
        """By how much its sound is late; None where it is not known."""
        ...


@dataclass(frozen=True)
class WorldOffset:
    """Of the synthetic world; any other recording is taken to be in synchrony."""

    def __call__(self, recording: Recording) -> Late | None:
        """None where the sound is another scene's or comes from outside the picture."""
        if "truth" not in recording.extra:
            return Late(0.0)
        truth = Truth.from_json(recording.extra["truth"])
        if not truth.sounding:
            return None
        alone = len(truth.sounding) == 1
        return Late(truth.offset, _period(truth.sounding[0]) if alone else None)


def _period(track: Track) -> float:
    """Of what is seen and heard: what slides is struck at both ends of its way."""
    return track.period / 2 if track.motion == "slide" else track.period


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

    def __call__(self, recording: Recording) -> Late | None:
        """None for a recording that the file does not name."""
        offset = self.offsets.get(recording.key.rsplit("/", 1)[-1])
        return None if offset is None else Late(offset)
