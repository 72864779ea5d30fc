"""Where in the picture something sounds, whatever file says so."""

import json
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

from mmssl.data.recordings import Recording
from mmssl.data.synthetic.truth import Truth
from mmssl.errors import UsageError
from mmssl.evaluate.framing import Box


@dataclass(frozen=True)
class Sounding:
    """What is seen to sound at one moment.

    Attributes:
        boxes: shares of the full picture; none when nothing in view sounds.
    """

    boxes: tuple[Box, ...]


class GroundTruth(Protocol):
    """Ground truth of a data set."""

    def __call__(self, recording: Recording, times: Sequence[float]) -> Sequence[Sounding | None]:
        """What sounds at each time, in seconds into the recording; None where nothing is known.

        The times are those of a window in the middle of the recording.

        Raises:
            UsageError: a box is not one.
        """
        ...


@dataclass(frozen=True)
class WorldTruth:
    """Of the synthetic world, from the `truth` field beside each clip: the objects in view that are heard."""

    def __call__(self, recording: Recording, times: Sequence[float]) -> Sequence[Sounding | None]:
        """Boxes of the frame on screen at each time, of the whole object even where another hides it."""
        if "truth" not in recording.extra:
            return [None] * len(times)
        truth = Truth.from_json(recording.extra["truth"])
        frames = [max(bisect_right(truth.frame_times, time + 1e-6) - 1, 0) for time in times]
        where = f"{recording.key}: truth"
        return [Sounding(tuple(checked(t.boxes[f], where) for t in truth.sounding if area(t.boxes[f]))) for f in frames]


def area(box: Sequence[float]) -> float:
    """0 for an object that has left the picture, whose box is cut to nothing."""
    return max(box[2] - box[0], 0) * max(box[3] - box[1], 0)


def checked(box: Sequence[float], where: str) -> Box:
    """Left, top, right and bottom in [0, 1].

    Raises:
        UsageError: they are not.
    """
    if len(box) != 4 or not all(-1e-6 <= value <= 1 + 1e-6 for value in box) or box[2] <= box[0] or box[3] <= box[1]:
        raise UsageError(f"{where}: {list(box)} is no box; give left, top, right, bottom as shares of the picture")
    left, top, right, bottom = (min(max(float(value), 0.0), 1.0) for value in box)
    return left, top, right, bottom


@dataclass(frozen=True)
class BoxFile:
    """A JSON list of `{"file": name, "bbox": [[left, top, right, bottom], ...]}`, as of VGG-SS (Chen et al. 2021).

    Its boxes are those of the frame in the middle of a recording, so that frame alone is known. A recording is found
    by the last part of its key. Boxes without area, which VGG-SS has, are left out; one whose boxes all are is unknown.
    """

    path: str

    @cached_property
    def boxes(self) -> dict[str, tuple[Box, ...]]:
        """By name of the recording.

        Raises:
            UsageError: the file is missing, or not of this form.
        """
        try:
            entries = json.loads(Path(self.path).read_text(encoding="utf-8"))
            boxes = {entry["file"]: [box for box in entry["bbox"] if area(box)] for entry in entries}
            given = {entry["file"] for entry in entries if entry["bbox"]}
        except OSError as error:
            raise UsageError(
                f"{self.path}: cannot read the boxes ({error.strerror}); give the path of a file"
            ) from error
        except (ValueError, KeyError, TypeError, IndexError, RecursionError) as error:
            form = 'a JSON list of {"file": ..., "bbox": [[left, top, right, bottom]]}'
            raise UsageError(f"{self.path}: not {form} ({error})") from error
        known = {name: found for name, found in boxes.items() if found or name not in given}
        return {name: tuple(checked(box, f"{self.path}: {name}") for box in found) for name, found in known.items()}

    def __call__(self, recording: Recording, times: Sequence[float]) -> Sequence[Sounding | None]:
        """Known in the middle alone."""
        boxes = self.boxes.get(recording.key.rsplit("/", 1)[-1])
        middle = len(times) // 2
        known = None if boxes is None else Sounding(boxes)
        return [known if number == middle else None for number in range(len(times))]
