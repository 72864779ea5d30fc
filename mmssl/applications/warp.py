"""From the frames of one film to those of another: by nearest neighbor, or by dynamic time warping.

Dynamic time warping: Sakoe and Chiba 1978, with the symmetric steps (1, 1), (0, 1) and (1, 0) and equal weights.
"""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mmssl.errors import UsageError
from mmssl.evaluate.kendall import nearest_frames

CELLS = 40_000_000  # of the table of dynamic time warping, 20 bytes each
_ROWS = 1024  # frames that are compared at once

Method = Callable[[Tensor, Tensor], NDArray[np.int64]]  # `[n, E]` and `[m, E]` to `[n]` numbers of the other's frames


def nearest(frames: Tensor, others: Tensor) -> NDArray[np.int64]:
    """Each frame's nearest neighbor, whatever comes before and after: the answers may go back in time."""
    parts = (frames[begin : begin + _ROWS] for begin in range(0, len(frames), _ROWS))
    return torch.cat([nearest_frames(rows, others) for rows in parts]).numpy()


def dtw(frames: Tensor, others: Tensor) -> NDArray[np.int64]:
    """The path from both begins to both ends with the least sum of distances; of a frame's answers the nearest.

    The answers never go back in time.

    Raises:
        UsageError: the films are too long for it.
    """
    n, m = len(frames), len(others)
    if n * m > CELLS:
        raise UsageError(f"films of {n} and {m} frames are too long for dtw ({CELLS} pairs); take --method nearest")
    from librosa.sequence import dtw as least_path  # compiles at its first call

    cost = torch.cdist(frames, others, compute_mode="donot_use_mm_for_euclid_dist").double().numpy()
    _, path = least_path(C=cost)
    path = path[::-1]
    answers = np.zeros(n, np.int64)
    least = np.full(n, np.inf)
    for row, column in path.tolist():
        if cost[row, column] < least[row]:
            least[row], answers[row] = cost[row, column], column
    return answers


METHODS: dict[str, Method] = {"dtw": dtw, "nearest": nearest}


def named_method(name: str) -> Method:
    """One of `METHODS`.

    Raises:
        UsageError: there is none of that name.
    """
    if name not in METHODS:
        raise UsageError(f"--method {name} is unknown; choose one of {', '.join(METHODS)}")
    return METHODS[name]
