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
        return shown(self.value), interval, "" if self.chance is None else shown(self.chance)


def shown(value: float) -> str:
    """Three decimals below 10, one above; of whole numbers above 1, which are mostly counts, none."""
    if not math.isfinite(value):
        return str(value)
    if value == int(value) and abs(value) > 1:
        return str(int(value))
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"


def rows(numbers: Mapping[str, float]) -> list[Row]:
    """In the order of the numbers."""
    return [
        Row(name, value, numbers.get(f"{name}/low"), numbers.get(f"{name}/high"), numbers.get(f"{name}/chance"))
        for name, value in numbers.items()
        if name.rpartition("/")[2] not in ENDINGS
    ]
