"""The learning rate as a pure function of the step, so a resumed run needs no scheduler state."""

import math


def rate(step: int, steps: int, warmup: int) -> float:
    """The share of the peak learning rate at a step from 0 to `steps - 1`.

    It rises linearly over `warmup` steps, then falls as half a cosine towards 0 (Loshchilov and Hutter 2017, SGDR,
    equation 5, one cycle), which it would reach at `steps`.
    """
    if step < warmup:
        return (step + 1) / (warmup + 1)
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))
