"""`mmssl sync`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from mmssl.applications.model import Model
    from mmssl.applications.sync import Synced


def sync(
    run: Annotated[Path, typer.Argument(help="Run folder of a model that tells offsets. Its recipe.py is run.")],
    clips: Annotated[list[Path], typer.Argument(help="One film or several.", metavar="FILM")],
    fix: Annotated[
        Path | None, typer.Option(help="Film to write in synchrony, its pictures as they are: .mp4, .mov or .mkv.")
    ] = None,
    track: Annotated[Path | None, typer.Option(help="File for the offset of each moment, as JSON.")] = None,
    plot: Annotated[Path | None, typer.Option(help="File for a PNG of distances and offsets.")] = None,
    reach: Annotated[float, typer.Option(help="Seconds to either side in which the offset is sought.")] = 0.6,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:1.")] = "auto",
) -> None:
    """Tell by how much the sound of films is late, and mend it.

    An offset above 0 is sound that comes after its picture. It is told where other seconds of the film find the same;
    of several films a table is printed.

    Example:
        mmssl sync runs/sync clip.mp4 --track clip.json --plot clip.png
        mmssl sync runs/sync clip.mp4 --fix mended.mp4
        mmssl sync runs/sync films/*.mp4
    """
    from mmssl.applications.film_writing import check_target
    from mmssl.applications.model import load
    from mmssl.cli.places import claim
    from mmssl.cli.terminal import say
    from mmssl.errors import MediaError, UsageError

    if len(clips) > 1 and any(path is not None for path in (fix, track, plot)):
        raise UsageError("--fix, --track and --plot write one file; give one film")
    if fix is not None:
        check_target(fix, clips)
    if plot is not None and plot.suffix.lower() != ".png":
        raise UsageError(f"--plot {plot}: must end in .png")
    claim(fix, track, plot)
    model = load(run, device)
    if len(clips) == 1:
        _one(model, clips[0], fix, track, plot, reach)
        return
    say(f"{'offset':>9} {'frames':>7} {'certainty':>9}  film")
    for clip in clips:
        try:
            found = model.sync(clip, reach=reach)
        except MediaError as error:
            say(f"{'-':>9} {'-':>7} {'-':>9}  {error}")
            continue
        offset, frames = _told(found)
        say(f"{offset:>9} {frames:>7} {found.certainty:>9.0%}  {clip}")


def _told(found: "Synced") -> tuple[str, str]:
    """Milliseconds and pictures; where they are not certain, that they are not."""
    return (f"{1000 * found.offset:+.0f} ms", f"{found.frames:+.1f}") if found.certain else ("unknown", "")


def _one(model: "Model", clip: Path, fix: Path | None, track: Path | None, plot: Path | None, reach: float) -> None:
    from mmssl.applications.realign import realign
    from mmssl.applications.sync_plot import sync_plot
    from mmssl.cli.progress import bar
    from mmssl.cli.terminal import say

    with bar("listening") as show:
        found = model.sync(clip, reach=reach, watch=show)
    offset, frames = _told(found)
    sure = f"certainty {found.certainty:.0%}, confidence {found.confidence:.3f}"
    if found.certain:
        late = "late" if found.offset > 0 else "early" if found.offset < 0 else "in synchrony"
        say(f"{clip}: {offset}, {frames} pictures: the sound is {late} ({sure})")
    else:
        say(f"{clip}: no offset can be told ({sure})")
    if track is not None:
        found.save(track)
        say(f"{track}: an offset for each of {len(found.track)} moments")
    if plot is not None:
        sync_plot(found, plot)
        say(f"{plot}: distances and offsets")
    if fix is not None:
        found.demand_certainty()
        written = realign(str(clip), fix, found.offset)
        again = model.sync(fix, reach=reach)
        say(f"{fix}: pictures as they were, sound {'as it was' if written.copied else 'encoded again'}")
        say(f"{fix}: {1000 * again.offset:+.0f} ms are left")
