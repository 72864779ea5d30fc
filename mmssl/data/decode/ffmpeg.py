"""Versions of FFmpeg, which is what meets the bytes of strangers first."""

import re

# What closed the holes of 2026 (CVE-2026-8461, CVE-2026-40962 and those told in June), by the first number.
CLOSED = {5: (5, 1, 10), 6: (6, 1, 6), 7: (7, 1, 5), 8: (8, 1, 2)}


def has_known_holes(version: str) -> bool:
    """Whether a version, `8.1.2` or `n7.1` or `5.1.9-0+deb12u1`, is older than what closed them; False of no number."""
    numbers = tuple(int(part) for part in re.findall(r"\d+", version.partition("-")[0])[:3])
    return bool(numbers) and numbers < CLOSED.get(numbers[0], (min(CLOSED),))
