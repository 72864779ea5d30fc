"""The score below which nothing in view sounds, measured once on held-out clips and kept with the run."""

import json
from collections.abc import Mapping
from pathlib import Path

from mmssl.applications.localize import Threshold
from mmssl.data.atomic import write_atomically
from mmssl.errors import CheckpointError

# One in ten maps of a sound that nothing in view makes reaches further.
RULE = "localization/universal/top10/threshold"


def calibration_file(folder: Path) -> Path:
    """In a run folder."""
    return folder / "calibration.json"


def keep_calibration(folder: Path, numbers: Mapping[str, float], data: str) -> Path | None:
    """Keep the threshold of a localization; None when the numbers hold none.

    Args:
        folder: of the run.
        numbers: of `Localization`.
        data: on which they were measured, for the reader.
    """
    if RULE not in numbers:
        return None
    origin = f"nine tenths of the maps of silence, noise and other recordings' sounds, measured on {data}"
    path = calibration_file(folder)
    write_atomically(path, json.dumps({"threshold": numbers[RULE], "origin": origin}, indent=1) + "\n")
    return path


def read_calibration(folder: Path) -> Threshold | None:
    """What was kept; None when nothing was.

    Raises:
        CheckpointError: the file is damaged.
    """
    path = calibration_file(folder)
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return Threshold(float(content["threshold"]), str(content["origin"]))
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path}: is damaged ({error}); delete it or run `mmssl evaluate` again") from error
