"""Numbers of an evaluation as rows: `R@1`, `R@1/low`, `R@1/high` and `R@1/chance` belong together."""

from collections.abc import Mapping
from dataclasses import dataclass

_PARTS = ("low", "high", "chance")


@dataclass(frozen=True)
class Measure:
    """One measured value, with its 95 % interval and what chance would give, where they are known."""

    name: str
    value: float
    low: float | None
    high: float | None
    chance: float | None

    def __str__(self) -> str:
        chance = "" if self.chance is None else f" (chance {self.chance:.3g})"
        return f"{self.name} {self.value:.4g}{chance}"


def measures(numbers: Mapping[str, float]) -> list[Measure]:
    """In the order in which they were given."""
    own = [name for name in numbers if not (name.rpartition("/")[2] in _PARTS and name.rpartition("/")[0] in numbers)]
    return [Measure(name, numbers[name], *(numbers.get(f"{name}/{part}") for part in _PARTS)) for name in own]


def headline(numbers: Mapping[str, float], count: int) -> list[Measure]:
    """About `count` of them for a line, of each evaluation the first, rather those beside chance."""
    of: dict[str, list[Measure]] = {}
    for measure in measures(numbers):
        of.setdefault(measure.name.partition("/")[0], []).append(measure)
    each = max(count // max(len(of), 1), 1)
    return [m for found in of.values() for m in ([m for m in found if m.chance is not None] or found)[:each]]


def table(numbers: Mapping[str, float]) -> str:
    """As Markdown."""
    rows = ["| measure | value | 95 % interval | chance |", "|---|---|---|---|"]
    for measure in measures(numbers):
        interval = "" if measure.low is None or measure.high is None else f"{measure.low:.4g} to {measure.high:.4g}"
        chance = "" if measure.chance is None else f"{measure.chance:.4g}"
        rows.append(f"| {measure.name} | {measure.value:.4g} | {interval} | {chance} |")
    return "\n".join(rows)
