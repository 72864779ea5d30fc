"""Whether the sound of a film runs at another speed than its picture, as where two clocks recorded them."""

import numpy as np
from scipy.stats import theilslopes
from torch import Tensor

from mmssl.evaluate.offsets import curve, finer

STRETCH = 6.0  # s of windows that tell one offset
FEWEST = 5  # stretches
AGREE = 0.8  # share of them that lie within a step of the line


def drift(volume: Tensor, step: float) -> float | None:
    """Seconds by which the sound falls behind in a second of picture, from the distances of a film.

    A line through the offsets of its stretches (the median of all slopes between two of them: Theil 1950, Sen 1968).
    Told where the slope's 95 % interval is on one side of 0, the line makes a step or more over the film and most
    stretches lie on it, so not of picture and sound that have nothing to do with each other.

    Args:
        volume: `[W, K]` of all its windows, as in `offsets`.
        step: seconds between two windows.

    Returns:
        None where none is told, as of anything under half a minute.
    """
    size = round(STRETCH / step)
    count = len(volume) // size
    if count < FEWEST:
        return None
    offsets = step * finer(curve(volume[: count * size].reshape(count, size, -1))).numpy()
    times = STRETCH * np.arange(count)
    known = np.isfinite(offsets)
    if known.sum() < FEWEST:
        return None
    slope, start, least, most = theilslopes(offsets[known], times[known])
    off = np.abs(offsets[known] - start - slope * times[known])
    told = least * most > 0 and abs(slope) * times[-1] >= step and float((off <= step).mean()) >= AGREE
    return float(slope) if told else None
