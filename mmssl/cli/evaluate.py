"""`mmssl evaluate`."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from mmssl.applications.measure import Measured


def evaluate(
    run: Annotated[Path, typer.Argument(help="Run folder. Its recipe.py is run: trust who made it.")],
    data: Annotated[
        str | None, typer.Argument(help="Held-out recordings: folder, glob, manifest or shards.", metavar="DATA")
    ] = None,
    validation: Annotated[
        str | None, typer.Option(help="Other recordings that fix the thresholds of heat maps; halves of DATA if not.")
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print all numbers as one JSON document instead of tables.")
    ] = False,
    numbers: Annotated[Path | None, typer.Option(help="File for all numbers, as JSON.")] = None,
    plots: Annotated[Path | None, typer.Option(help="Folder for plots.")] = None,
    boxes: Annotated[
        str | None, typer.Option(help='Where it sounds: JSON list of {"file": name, "bbox": [[l, t, r, b], ...]}.')
    ] = None,
    language: Annotated[
        str, typer.Option(help="Of the captions to ask by, such as en; all, and each, if not given.")
    ] = "",
    limit: Annotated[int, typer.Option(min=0, help="The first so many recordings; 0: all.")] = 0,
    batch_size: Annotated[int, typer.Option(min=1, help="Clips at once.")] = 32,
    workers: Annotated[int, typer.Option(min=0, help="Processes that decode; 0: this one does.")] = 2,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:1.")] = "auto",
    named: Annotated[str | None, typer.Option("--data", hidden=True, help="DATA, as training names it.")] = None,
) -> None:
    """Measure a model on recordings that it has not seen, each number beside chance and its 95 % interval.

    What the model can do is measured: retrieval between all modalities, in each language; correspondence of picture and
    sound; localization where the truth is known (the synthetic world, or --boxes); how late sound is; films of one
    action in step; clusters beside labels; captions. What cannot be read, or lacks a modality, is counted and on
    neither side. Where recordings have several captions of a language, retrieval is also told with each of them as a
    query, as papers count. The score below which nothing in view sounds is kept in the run, for `mmssl localize`.

    Example:
        mmssl evaluate runs/quickstart world/test --limit 200 --numbers numbers.json --plots plots
        mmssl evaluate runs/quickstart world/test --validation world/valid
        mmssl evaluate runs/quickstart world/test --json | jq .numbers
        mmssl evaluate runs/words msrvtt_test.jsonl --language en
    """
    from mmssl.applications.measure import measure
    from mmssl.applications.model import load
    from mmssl.cli.documents import document, print_json
    from mmssl.cli.places import claim
    from mmssl.cli.progress import bar
    from mmssl.cli.tables import show
    from mmssl.cli.terminal import say, warn
    from mmssl.data.atomic import write_atomically
    from mmssl.errors import EvaluationError, UsageError

    if (data is None) == (named is None):
        raise UsageError("which recordings? mmssl evaluate RUN DATA; mmssl evaluate --help says more")
    data = data or named or ""
    claim(numbers, None if plots is None else plots / "recall.png")
    model = load(run, device)
    with bar("measuring") as show_share:
        measured = measure(
            model,
            data,
            validation=validation,
            boxes=boxes,
            limit=limit,
            batch_size=batch_size,
            workers=workers,
            language=language,
            watch=show_share,
        )
    told = {"run": str(run), "data": data, "validation": validation, "language": language, "limit": limit}
    told |= _fields(measured)
    if numbers is not None:  # first, as whoever reads the tables may stop reading
        write_atomically(numbers, document(told))
    if json:
        print_json(told)
    else:
        show(measured.numbers)
    tell = warn if json else say
    for name, reason in measured.left_out.items():
        tell(f"no {name}: {reason}")
    if not measured.numbers:
        raise EvaluationError(f"{data}: nothing could be measured, for the reasons above")
    seen_on = validation or f"{measured.numbers.get('localization/clips', 0):.0f} recordings of {data}"
    _keep_threshold(run, measured, seen_on, tell)
    if numbers is not None:
        tell(f"{numbers}: all numbers")
    if plots is not None:
        from mmssl.applications.plots import save_plots

        for path in save_plots(model, measured, plots):
            tell(path)


def _keep_threshold(run: Path, measured: "Measured", seen_on: str, tell: Callable[[str], None]) -> None:
    """Of the heat maps, in the run, for `mmssl localize`."""
    from mmssl.applications.calibration import keep_calibration
    from mmssl.cli.terminal import warn

    try:
        if (kept := keep_calibration(run, measured.numbers, seen_on)) is not None:
            tell(f"{kept}: the score below which nothing in view sounds")
    except OSError as error:  # another's run, say: what was measured is still wanted
        warn(f"warning: {error.filename}: not kept, {error.strerror}")


def _fields(measured: "Measured") -> dict[str, Any]:
    unreadable = {key: f"{detail} ({fault.value})" for key, (fault, detail) in measured.unreadable.items()}
    return {"numbers": measured.numbers, "not made": measured.left_out, "unreadable": unreadable}
