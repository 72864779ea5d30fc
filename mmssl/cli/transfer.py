"""`mmssl transfer`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer


def transfer(
    run: Annotated[Path, typer.Argument(help="Run folder. Its recipe.py is run: trust who made it.")],
    data: Annotated[str, typer.Argument(help="Labelled recordings to be judged on: folder, glob, manifest or shards.")],
    train: Annotated[str, typer.Option(help="Labelled recordings to learn from.")] = "",
    fold: Annotated[
        str, typer.Option(help="Instead of --train: field of DATA by which each fold is judged by the others.")
    ] = "",
    modalities: Annotated[
        str, typer.Option(help="Of video, audio and text, with commas; video and audio if not given.")
    ] = "",
    windows: Annotated[int, typer.Option(min=1, help="Clips of each recording, evenly spaced.")] = 10,
    json: Annotated[
        bool, typer.Option("--json", help="Print all numbers as one JSON document instead of tables.")
    ] = False,
    numbers: Annotated[Path | None, typer.Option(help="File for all numbers, as JSON.")] = None,
    limit: Annotated[int, typer.Option(min=0, help="The first so many recordings; 0: all.")] = 0,
    workers: Annotated[int, typer.Option(min=0, help="Processes that decode; 0: this one does.")] = 2,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:1.")] = "auto",
) -> None:
    """Tell labels from what a model has learnt: linear SVM, linear probe and nearest neighbors on frozen features.

    Labels are the field `label` of a .json beside a recording or of a manifest. The model does not change. Features
    are looked at before its head (encoder) and behind it (embedding); for sound, log-mel statistics without any
    learning stand beside them. The one setting of a classifier is chosen within the recordings to learn from. Each
    window of a recording is an example, and a recording's answer is the mean over its windows.

    Example:
        mmssl transfer runs/quickstart world/test --train world/valid
        mmssl transfer runs/av esc50.csv --fold fold --modalities audio
    """
    from mmssl.errors import UsageError

    if (train == "") == (fold == ""):
        raise UsageError("give --train, recordings to learn from, or --fold, a field such as fold; one of the two")
    from mmssl.applications.model import load
    from mmssl.cli.documents import document, print_json
    from mmssl.cli.modalities import parsed
    from mmssl.cli.places import claim
    from mmssl.cli.progress import bar
    from mmssl.cli.terminal import say, warn
    from mmssl.data.atomic import write_atomically
    from mmssl.evaluate.probe import Probes

    chosen = parsed("--modalities", modalities)
    claim(numbers)
    if train == data:
        warn(
            f"warning: --train is {data} itself: what is learnt is asked again, which says nothing of other recordings"
        )
    model = load(run, device)
    probes = Probes(
        clips=model.run.data.of(data),
        train=train,
        fold=fold,
        modalities=chosen,
        windows=windows,
        limit=limit,
        workers=workers,
    )
    with bar("looking") as watch:
        found = probes(model.objective, watch)
    asked = {"run": str(run), "data": data, "train": train, "fold": fold, "windows": windows, "limit": limit}
    told = {**asked, "numbers": found}
    if numbers is not None:  # first, as whoever reads the tables may stop reading
        write_atomically(numbers, document(told))
    if json:
        print_json(told)
    else:
        _show(found)
    if numbers is not None:
        (warn if json else say)(f"{numbers}: all numbers")


def _show(numbers: Mapping[str, float]) -> None:
    """A line for each classifier on each layer, a table for each modality; the rest is in the JSON document."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from mmssl.cli.terminal import say
    from mmssl.evaluate.table import rows, shown

    found = {row.name: row for row in rows(numbers)}
    for modality in dict.fromkeys(name.split("/")[1] for name in found):
        table = Table(title=f"{modality}: accuracy per recording", title_justify="left", box=box.SIMPLE_HEAD)
        for column in ("features", "", "accuracy", "95 % interval", "std", "chance"):
            table.add_column(column, justify="left" if column in {"features", ""} else "right", no_wrap=True)
        for name, row in found.items():
            parts = name.split("/")
            if parts[1] == modality and parts[-1] in {"accuracy", "R@1", "R@5"}:
                classifier = parts[3] if parts[-1] == "accuracy" else f"{parts[3]} {parts[-1]}"
                spread = found.get(name.replace("accuracy", "std"))
                layer = f"{parts[2]}, {numbers[f'probe/{modality}/{parts[2]}/dim']:.0f}"
                cells = row.text()
                folds = "" if spread is None or spread is row else shown(spread.value)
                table.add_row(layer, classifier, cells[0], cells[1], folds, cells[2])
        Console().print(table)
        about = {
            name: int(numbers[f"probe/{modality}/{name}"])
            for name in ("recordings", "classes", "unlabeled", "unreadable")
        }
        commonest = shown(numbers[f"probe/{modality}/majority"])
        say(", ".join(f"{name} {count}" for name, count in about.items()) + f"; always the commonest class {commonest}")
