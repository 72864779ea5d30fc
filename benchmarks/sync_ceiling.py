"""How often the shift between picture and sound can be told at all in a synthetic world, where sounds repeat.

python -m benchmarks.sync_ceiling worlds/w64/test

What is seen to sound repeats after its period (a slide sounds alike at both walls), so shifts a period apart fit
equally well: one of n that are in reach is right by chance. Also the share of runs of windows of 0.2 s, one a frame,
in which a thing that strikes is seen to strike; without any the sound can hardly be placed.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from mmssl.data.synthetic.truth import Track, Truth
from mmssl.evaluate.synchrony import SHIFTS

STEP, REACH, RUNS = 0.04, 15, (10, 25)


def told(period: float, true: float, reach: float) -> float:
    """The chance to take the right one of all shifts that fit, within half a step of the edges."""
    edge = reach + STEP / 2
    return 1 / (1 + int((edge + true) / period) + int((edge - true) / period))


def struck(track: Track, windows: int, seconds: float) -> float:
    """The share of runs of so many windows that hold a contact."""
    length = 0.2 + (windows - 1) * STEP
    begins = np.arange(0.0, seconds - length, STEP)
    contacts = np.array(track.events)
    held = (contacts >= begins[:, None]) & (contacts < begins[:, None] + length)
    return float(held.any(1).mean())


def main() -> None:
    """See the top of this file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="clips of the world with their .json")
    paths = sorted(parser.parse_args().folder.glob("*.json"))
    truths = [Truth.from_json(json.loads(path.read_text(encoding="utf-8"))["truth"]) for path in paths]
    alone = [(truth, truth.sounding[0]) for truth in truths if len(truth.sounding) == 1]
    periods = [track.period / (2 if track.motion == "slide" else 1) for _, track in alone]
    reach = REACH * STEP
    print(f"{len(alone)} of {len(truths)} clips have one thing that is seen to sound")
    print(f"as they are: {np.mean([told(period, 0.0, reach) for period in periods]):.3f}")
    shifted = [told(period, shift, reach) for period in periods for shift in SHIFTS]
    print(f"shifted by {SHIFTS[0]} to {SHIFTS[-1]} s: {np.mean(shifted):.3f}")
    for windows in RUNS:
        shares = [struck(track, windows, truth.seconds) for truth, track in alone if track.events]
        print(f"{windows} windows hold a contact, of what strikes: {np.mean(shares):.3f}")


if __name__ == "__main__":
    main()
