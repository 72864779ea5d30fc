"""`mmssl evaluate`."""

from pathlib import Path
from typing import Annotated

import typer


def evaluate(
    run: Annotated[Path, typer.Argument(help="Run folder.")],
    data: Annotated[str, typer.Option(help="Held-out recordings: folder, glob, manifest or shards.")],
    json: Annotated[Path | None, typer.Option(help="File for all numbers.")] = None,
    plots: Annotated[Path | None, typer.Option(help="Folder for plots.")] = None,
    boxes: Annotated[
        str | None, typer.Option(help='Where it sounds: JSON list of {"file": name, "bbox": [[l, t, r, b], ...]}.')
    ] = None,
    limit: Annotated[int, typer.Option(help="Recordings at most, the size of the gallery; 0: all.")] = 0,
    language: Annotated[str, typer.Option(help="Of the captions, such as de; all if not given.")] = "",
    calibrate: Annotated[bool, typer.Option(help="Keep the score below which nothing in view sounds.")] = True,
    batch_size: Annotated[int, typer.Option(help="Clips at once.")] = 32,
    workers: Annotated[int, typer.Option(help="Processes that decode.")] = 2,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:1.")] = "auto",
) -> None:
    """Measure a model on recordings that it has not seen, each number beside chance and its 95 % interval.

    Retrieval between all modalities, correspondence of picture and sound, and localization where the truth is known
    (the synthetic world, or --boxes). The score below which nothing in view sounds is kept in the run, for
    `mmssl localize`, unless --no-calibrate.

    Example:
        mmssl evaluate runs/quickstart --data world/test --limit 200 --json numbers.json --plots plots
    """
    from json import dumps
    from sys import stderr

    from mmssl.applications.calibration import keep_calibration
    from mmssl.applications.measure import measure
    from mmssl.applications.model import load
    from mmssl.cli.tables import show
    from mmssl.data.atomic import write_atomically

    model = load(run, device)
    measured = measure(model, data, boxes=boxes, limit=limit, batch_size=batch_size, workers=workers, language=language)
    show(measured.numbers)
    for name, reason in measured.left_out.items():
        print(f"no {name}: {reason}")
    if calibrate:
        try:
            if (kept := keep_calibration(run, measured.numbers, data)) is not None:
                print(f"{kept}: the score below which nothing in view sounds")
        except OSError as error:  # another's run, say: what was measured is still wanted
            print(f"warning: {error.filename}: not kept, {error.strerror}; --no-calibrate does not try", file=stderr)
    if json is not None:
        told = {"run": str(run), "data": data, "limit": limit, "numbers": dict(measured.numbers)}
        json.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(json, dumps(told, indent=1) + "\n")
        print(f"{json}: all numbers")
    if plots is not None:
        from mmssl.applications.plots import save_plots

        for path in save_plots(model, measured, plots):
            print(path)
