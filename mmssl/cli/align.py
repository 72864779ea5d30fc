"""`mmssl align`."""

from pathlib import Path
from typing import Annotated

import typer


def align(
    run: Annotated[Path, typer.Argument(help="Run folder of a model with pictures. Its recipe.py is run.")],
    films: Annotated[list[Path], typer.Argument(help="Two or more films of one action.")],
    out: Annotated[Path, typer.Option(help="Film to write: .mp4, .mov or .mkv.")] = Path("side-by-side.mp4"),
    sound: Annotated[
        Path | None, typer.Option(help="Which film gives the clock and the sound; the first if not given.")
    ] = None,
    labels: Annotated[
        Path | None, typer.Option(help="JSON or CSV of times and labels of that film, to carry over to the others.")
    ] = None,
    method: Annotated[str, typer.Option(help="dtw, which never goes back in time, or nearest.")] = "dtw",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:1.")] = "auto",
) -> None:
    """Show films of one action side by side, all in step with one of them, whose sound they share.

    Beside the film go a JSON with each film's time at every moment of the clock, the labels carried over, and how far
    each film is from what the others do there (anomaly); and a plot of it.

    Example:
        mmssl align runs/tcc a.mp4 b.mp4 c.mp4 --out side-by-side.mp4
        mmssl align runs/tcc a.mp4 b.mp4 --sound b.mp4 --labels b.csv
    """
    from dataclasses import replace

    from mmssl.applications.align_plot import plot_alignment
    from mmssl.applications.model import load
    from mmssl.applications.timed_labels import read_labels
    from mmssl.cli.places import claim
    from mmssl.cli.progress import bar
    from mmssl.cli.terminal import say

    told, drawn = out.with_suffix(".json"), out.with_suffix(".png")
    claim(out, told, drawn)
    known = tuple(read_labels(labels)) if labels is not None else ()
    model = load(run, device)
    with bar("aligning") as show:
        found = replace(model.align(films, out, sound=sound, method=method, watch=show), labels=known)
    found.save(told)
    plot_alignment(found, drawn)
    clock = found.films[found.clock]
    say(f"{out}: {len(found.films)} films on the clock of {clock.file}, with its sound")
    say(f"{told}: times, anomaly{' and labels' if known else ''} of each film; {drawn}: plot")
    for film in found.films:
        worst = int(film.anomaly.argmax())
        say(f"{film.file}: least like the others at {film.times[worst]:.2f} s ({film.anomaly[worst]:.3f})")
