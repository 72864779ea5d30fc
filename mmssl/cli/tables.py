"""The numbers of an evaluation on a terminal of 80 columns."""

from collections.abc import Iterable, Mapping, Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from mmssl.evaluate.table import Row, rows

RETRIEVAL = ("R@1", "R@5", "R@10", "MedR", "MeanR", "nDCG@30")
LOCALIZATION = ("pointing", "cIoU", "cIoU@fixed", "success@0.5", "AUC")


def show(numbers: Mapping[str, float], console: Console | None = None) -> None:
    """All but the nDCG, gallery and so on of single languages, which are in the JSON document."""
    console = console or Console()
    by_title: dict[str, dict[str, Row]] = {}
    for row in rows(numbers):
        title, _, name = row.name.partition("/")
        by_title.setdefault(title, {})[name] = row
    for title, found in by_title.items():
        groups = _grouped(found)
        if title == "retrieval":
            _print_retrieval(groups, console)
        elif title == "localization":
            _print_localization(groups, console)
        elif title == "synchrony":
            _print_synchrony(groups, console)
        else:
            console.print(_listed(title, found.items()))


def _grouped(found: Mapping[str, Row]) -> dict[str, dict[str, Row]]:
    """By all of the name but its last part."""
    groups: dict[str, dict[str, Row]] = {}
    for name, row in found.items():
        group, _, metric = name.rpartition("/")
        groups.setdefault(group, {})[metric] = row
    return groups


def _table(title: str, columns: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    table.add_column("", no_wrap=True)
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    return table


def _short(value: float) -> str:
    return f"{value:.2f}" if abs(value) < 2 else f"{value:.1f}" if abs(value) < 100 else f"{value:.0f}"


def _cell(row: Row | None, chance: bool = True) -> str:
    """Value, interval, chance, one under the other."""
    if row is None:
        return ""
    lines = [f"[bold]{_short(row.value)}[/bold]"]
    if row.low is not None and row.high is not None:
        lines.append(f"{_short(row.low)}-{_short(row.high)}")
    if chance and row.chance is not None:
        lines.append(f"[dim]({_short(row.chance)})[/dim]")
    return "\n".join(lines)


def _print_retrieval(groups: Mapping[str, Mapping[str, Row]], console: Console) -> None:
    pairs = {name: found for name, found in groups.items() if name and found["gallery"].value}
    every = {name: found for name, found in pairs.items() if "captions" in name}
    single = {name: found for name, found in pairs.items() if "." not in name and name not in every}
    console.print(_pairs("retrieval: value, 95 % interval, (chance)", single))
    if every:
        console.print(_pairs("by every caption: each is a query, a recording's best one its answer", every))
    spoken = {name: found["R@10"] for name, found in pairs.items() if "." in name and "R@10" in found}
    if spoken:
        console.print(_languages(spoken))
    looked_at, left_out = (int(groups[""][name].value) for name in ("recordings", "left-out"))
    console.print(
        f"below each pair: gallery, share of {looked_at} recordings{'; text is one caption of each' * bool(every)}"
    )
    if nobody := [name for name, found in groups.items() if name and not found["gallery"].value]:
        console.print(f"no recording has both sides of {', '.join(nobody)}")
    if left_out:
        console.print(f"{left_out} left out: they cannot be read, or are shorter than the clips of the run")
    console.print("equal scores count as the mean over their orders; equal captions are all right")
    if tied := [f"{name} {found['tied'].value:.1%}" for name, found in pairs.items() if found["tied"].value > 0.001]:
        console.print(f"queries whose right answer is tied with a wrong one: {', '.join(tied)}")
    console.print()


def _pairs(title: str, pairs: Mapping[str, Mapping[str, Row]]) -> Table:
    metrics = [metric for metric in RETRIEVAL if any(metric in found for found in pairs.values())]
    table = _table(title, metrics)
    for name, found in pairs.items():
        count, coverage = int(found["gallery"].value), found["coverage"].value
        # What is asked and found in the same recordings is written once: six columns must fit beside it.
        asked = f"{int(found['queries'].value)} in " if "queries" in found else ""
        side = f"{name.replace('-', chr(10) + 'to ')}\n[dim]{asked}{count}, {coverage:.0%}[/dim]"
        table.add_row(side, *(_cell(found.get(metric)) for metric in metrics))
    return table


def _languages(spoken: Mapping[str, Row]) -> Table:
    """R@10 with a row for each language of captions, those of averages with intervals, a column for each direction."""
    cells: dict[str, dict[str, Row]] = {}
    for pair, row in spoken.items():
        query, item = pair.split("-")
        language = next(side for side in (query, item) if "." in side).partition(".")[2]
        direction = f"{query.partition('.')[0]} to {item.partition('.')[0]}"
        cells.setdefault(language, {})[direction] = row
    directions = list(dict.fromkeys(direction for found in cells.values() for direction in found))
    table = _table("R@10 by language of the captions (chance)", directions)
    # Averages come last.
    for language, found in sorted(cells.items(), key=lambda row: (row[0].startswith("average"), row[0])):
        shown = [found.get(direction) for direction in directions]
        if language.startswith("average"):
            table.add_row(language.replace("_", " "), *map(_cell, shown))
        else:
            line = ("" if r is None else f"{_short(r.value)} ({_short(r.chance or 0)})" for r in shown)
            table.add_row(language, *line)
    return table


def _print_localization(groups: Mapping[str, Mapping[str, Row]], console: Console) -> None:
    clips, share = int(groups[""]["clips"].value), groups[""]["coverage"].value
    title = f"localization: value, 95 % interval ({clips} recordings, {share:.0%})"
    table = _table(title, [*LOCALIZATION, "frames"])
    rest: dict[str, Row] = {}
    for name, found in groups.items():
        if "pointing" not in found:
            rest |= {f"{name}/{metric}": row for metric, row in found.items()}
            continue
        frames = str(int(found["frames"].value)) if "frames" in found else ""
        table.add_row(name or "the model", *(_cell(found.get(m), chance=False) for m in LOCALIZATION), frames)
    console.print(table)
    console.print("without the sound: center, constant, salient to the eye, moving")
    console.print("with other sounds: other-sound, silence, noise; by what sounds: small to huge")
    console.print(_listed("sounds that nothing in view makes", rest.items()))


def _print_synchrony(groups: Mapping[str, Mapping[str, Row]], console: Console) -> None:
    """Accuracies by the number of windows that are averaged, then the rest."""
    lengths = ("1", "5", "10", "25", "all")
    table = _table("synchrony: value, 95 % interval, (chance), by windows averaged", lengths)
    rest: dict[str, Row] = {}
    for name, found in groups.items():
        if "all" in found:
            table.add_row(name.replace("/", "\n"), *(_cell(found.get(length)) for length in lengths))
        else:
            rest |= {f"{name}/{metric}" if name else metric: row for metric, row in found.items()}
    console.print(table)
    console.print(_listed("distances and the rest", rest.items()))


def _listed(title: str, found: Iterable[tuple[str, Row]]) -> Table:
    table = _table(title, ["value", "95 % interval", "chance"])
    for name, row in found:
        table.add_row(name, *row.text())
    return table
