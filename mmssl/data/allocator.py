"""The C library keeps what is freed, as the next clip or the next step needs as much again."""

import ctypes

# Of mallopt(3).
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_KEPT = 1 << 30  # bytes


def keep_freed_memory() -> None:
    """Blocks of up to 1 GiB stay with this process when they are freed; does nothing where glibc is not used.

    Otherwise large ones are given back and asked for again in each step, and the system clears each of their pages
    anew, while the most that is ever used is the same.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, _KEPT)
        mallopt(_TRIM_THRESHOLD, _KEPT)
