"""The numbers of evaluations as rows: a value with its interval and chance, which travel as names with endings."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

ENDINGS = ("low", "high", "chance")


@dataclass(frozen=True)
class Row:
    """One number; its 95 % interval and what chance would give are None where they are not known."""

    name: str
    value: float
    low: float | None
    high: float | None
    chance: float | None

    def text(self) -> tuple[str, str, str]:
        """Value, interval and chance as shown."""
        interval = "" if self.low is None or self.high is None else f"{shown(self.low)} to {shown(self.high)}"
        # A whole number above 1 that nothing is compared with is a count; of nothing there is no fraction either.
        whole = self.value.is_integer() and (self.value > 1 or self.value == 0)
        count = not interval and self.chance is None and whole
        value = str(int(self.value)) if count else shown(self.value)
        return value, interval, "" if self.chance is None else shown(self.chance)


def shown(value: float) -> str:
    """Three decimals below 10, one above, none for whole numbers above."""
    if not math.isfinite(value):
        return str(value)
    if value == int(value) and abs(value) >= 10:
        return str(int(value))
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"


def rows(numbers: Mapping[str, float]) -> list[Row]:
    """In the order of the numbers."""
    return [
        Row(name, value, numbers.get(f"{name}/low"), numbers.get(f"{name}/high"), numbers.get(f"{name}/chance"))
        for name, value in numbers.items()
        if name.rpartition("/")[2] not in ENDINGS
    ]
