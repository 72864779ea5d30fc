"""Rows of figures as a JSON file and as a table of Markdown."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

Cell = str | int | float | None
Row = Mapping[str, Cell]


def shown(cell: Cell) -> str:
    """Three digits of a fraction; a dash for what was not measured."""
    if isinstance(cell, float):
        return f"{cell:,.0f}" if abs(cell) >= 1000 else f"{cell:.3g}"
    return "–" if cell is None else str(cell)


def markdown(rows: Sequence[Row]) -> str:
    """One line a row, the columns in the order of the first row."""
    columns = list(rows[0])
    lines = [columns, ["---"] * len(columns), *([shown(row.get(column)) for column in columns] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def write(out: Path, setting: Row, rows: Sequence[Row]) -> None:
    """`OUT.json` and `OUT.md`."""
    out.parent.mkdir(parents=True, exist_ok=True)
    out.with_suffix(".json").write_text(json.dumps({"setting": dict(setting), "rows": list(rows)}, indent=1) + "\n")
    about = "; ".join(f"{name} {value}" for name, value in setting.items())
    out.with_suffix(".md").write_text(f"{about}\n\n{markdown(rows)}")
