"""`mmssl classify`."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mmssl.errors import UsageError

if TYPE_CHECKING:
    from mmssl.applications.classify import Classified

_SHOWN = 20  # answers, and classes of a table of confusion, that are printed


def classify(
    run: Annotated[Path, typer.Argument(help="Run folder. Its recipe.py is run: trust who made it.")],
    data: Annotated[str, typer.Argument(help="Recordings: folder, glob, manifest or shards.")],
    classes: Annotated[
        str, typer.Option(help='"a dog,a cat", or a file: a label a line, after tabs other words for it.')
    ],
    templates: Annotated[
        Path | None, typer.Option(help="File of sentences, one a line, with {} where the class stands.")
    ] = None,
    modalities: Annotated[str, typer.Option(help="Of video and audio, with commas; both if not given.")] = "",
    top: Annotated[int, typer.Option("-k", "--top", min=1, help="Classes told of each recording.")] = 3,
    windows: Annotated[int, typer.Option(min=1, help="Clips of each recording, evenly spaced.")] = 4,
    out: Annotated[Path | None, typer.Option(help="File for all answers: .csv, or .json with all numbers.")] = None,
    limit: Annotated[int, typer.Option(min=0, help="The first so many recordings; 0: all.")] = 0,
    workers: Annotated[int, typer.Option(min=0, help="Processes that decode; 0: this one does.")] = 2,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:1.")] = "auto",
) -> None:
    """Tell recordings apart by words alone, by what is seen and by what is heard.

    Each class is put into sentences (templates), whose vectors are averaged. Words and templates may be in any
    language of the training, also several. Where recordings have labels among the classes, accuracy, its mean over
    classes and the confusions are told.

    Example:
        mmssl classify runs/quickstart my/videos --classes "a ball,a star,a ring" --out answers.csv
        mmssl classify runs/av esc10.csv --classes classes.txt --templates sentences.txt --modalities audio
    """
    if out is not None and out.suffix not in {".csv", ".json"}:
        raise UsageError(f"--out {out}: must end in .csv or .json")
    from mmssl.applications.classify import classify as find
    from mmssl.applications.model import load
    from mmssl.applications.prompts import TEMPLATES, read_classes, read_templates
    from mmssl.cli.modalities import parsed
    from mmssl.cli.places import claim
    from mmssl.cli.progress import bar
    from mmssl.cli.tables import show
    from mmssl.cli.terminal import say

    asked = read_classes(classes)
    sentences = TEMPLATES if templates is None else read_templates(templates)
    chosen = parsed("--modalities", modalities)
    claim(out)
    model = load(run, device)
    with bar("classifying") as watch:
        found = find(
            model,
            data,
            asked,
            sentences,
            modalities=chosen,
            windows=windows,
            limit=limit,
            workers=workers,
            watch=watch,
        )
    rows = [row for each in found for row in _rows(each, top)]
    if out is not None:  # first, as whoever reads the answers may stop reading
        _write(out, rows, found, sentences)
    for row in rows[: len(rows) if out is None else _SHOWN]:
        told = ", ".join(f"{row[f'class {n}']} {row[f'score {n}']}" for n in range(1, top + 1) if f"class {n}" in row)
        say(f"{row['key']}  {row['modality']}: {told}")
    for each in found:
        numbers = each.numbers()
        if numbers:
            show(numbers)
            _show_confusion(each)
        elif any(recording.label for recording in each.recordings):
            say(f"{each.modality}: no recording is labelled with one of the classes, so there is no accuracy")
        for line in each.skipped.summary():
            say(f"{each.modality}: {line}")
    if out is not None:
        say(f"{out}: {len(rows)} answers")


def _rows(found: "Classified", top: int) -> "Iterator[dict[str, str | float]]":
    for recording, best in zip(found.recordings, found.best(top), strict=True):
        row: dict[str, str | float] = {"key": recording.key, "modality": found.modality, "label": recording.label}
        for number, (label, score) in enumerate(best, 1):
            row |= {f"class {number}": label, f"score {number}": round(score, 4)}
        yield row


def _show_confusion(found: "Classified") -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from mmssl.cli.terminal import one_line, say

    if len(found.classes) > _SHOWN:
        return
    say(f"{found.modality}: class (rows) and answer (columns)")
    table = Table(box=None)
    for name in ("", *(str(number) for number in range(1, len(found.classes) + 1))):
        table.add_column(name, justify="right" if name else "left", no_wrap=not name)
    for number, (label, line) in enumerate(zip(found.classes, found.confusion(), strict=True), 1):
        table.add_row(Text(f"{number} {one_line(label)}"), *(str(count) for count in line))
    Console().print(table)


def _write(
    out: Path, rows: "Sequence[dict[str, str | float]]", found: "Sequence[Classified]", templates: Sequence[str]
) -> None:
    from mmssl.cli.documents import document
    from mmssl.data.annotated import comma_separated
    from mmssl.data.atomic import write_atomically

    if out.suffix == ".csv":
        write_atomically(out, comma_separated(rows))
        return
    told = {
        "classes": list(found[0].classes),
        "templates": list(templates),
        "numbers": {name: value for each in found for name, value in each.numbers().items()},
        "confusion": {each.modality: each.confusion().tolist() for each in found},
        "unreadable": {
            key: f"{detail} ({fault.value})" for each in found for key, (fault, detail) in each.skipped.reasons.items()
        },
        "answers": list(rows),
    }
    write_atomically(out, document(told))
