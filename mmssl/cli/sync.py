"""`mmssl sync`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from mmssl.applications.model import Model
    from mmssl.applications.sync import Synced


def sync(
    run: Annotated[Path, typer.Argument(help="Run folder of a model that tells offsets. Its recipe.py is run.")],
    films: Annotated[
        list[str], typer.Argument(help="A film, or several: folder, glob, manifest or shards.", metavar="FILM|DATA")
    ],
    fix: Annotated[
        Path | None, typer.Option(help="Film to write in synchrony, its pictures as they are: .mp4, .mov or .mkv.")
    ] = None,
    track: Annotated[Path | None, typer.Option(help="File for the offset of each moment, as JSON.")] = None,
    plot: Annotated[Path | None, typer.Option(help="File for a PNG of distances and offsets.")] = None,
    out: Annotated[Path | None, typer.Option(help="File for the table of several films: .csv or .json.")] = None,
    reach: Annotated[float, typer.Option(help="Seconds to either side in which the offset is sought.")] = 0.6,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:1.")] = "auto",
) -> None:
    """Tell by how much the sound of films is late, and mend it.

    An offset above 0 is sound that comes after its picture. It is told where other seconds of the film find the same;
    of several films a table is printed, and how many are out of synchrony by more than a picture. A sound that falls
    behind ever further, as of a recorder with another clock, is told from half a minute on.

    Example:
        mmssl sync runs/sync clip.mp4 --track clip.json --plot clip.png
        mmssl sync runs/sync clip.mp4 --fix mended.mp4
        mmssl sync runs/sync my/videos --out offsets.csv
    """
    from mmssl.applications.film_writing import check_target
    from mmssl.applications.model import load
    from mmssl.cli.places import claim
    from mmssl.data.sources import is_film
    from mmssl.errors import UsageError

    alone = len(films) == 1 and is_film(films[0])
    if not alone and any(path is not None for path in (fix, track, plot)):
        raise UsageError("--fix, --track and --plot write one file; give one film")
    if alone and out is not None:
        raise UsageError("--out is for the table of several films; --track writes the offsets of one")
    if fix is not None:
        check_target(fix, [Path(film) for film in films])
    if plot is not None and plot.suffix.lower() != ".png":
        raise UsageError(f"--plot {plot}: must end in .png")
    if out is not None and out.suffix not in (".csv", ".json"):
        raise UsageError(f"--out {out}: must end in .csv or .json")
    claim(fix, track, plot, out)
    model = load(run, device)
    if alone:
        _one(model, Path(films[0]), fix, track, plot, reach)
    else:
        _many(model, films, out, reach)


def _many(model: "Model", films: list[str], out: Path | None, reach: float) -> None:
    from collections import Counter

    from mmssl.applications.table_file import save_table
    from mmssl.cli.terminal import say
    from mmssl.errors import MediaError

    say(f"{'offset':>9} {'frames':>7} {'certainty':>9}  film")
    rows = list[dict[str, str | float]]()
    try:
        for name, found in model.sync_archive(films, reach=reach):
            if isinstance(found, MediaError):
                say(f"{'-':>9} {'-':>7} {'-':>9}  {found}")
                rows.append({"film": name, "verdict": "unreadable", "fault": found.fault.value, "detail": found.detail})
                continue
            offset, frames = _told(found)
            say(f"{offset:>9} {frames:>7} {found.certainty:>9.0%}  {name}{_drift(found)}")
            told = {"offset": found.offset, "frames": found.frames} if found.certain else {}
            told |= {} if found.drift is None else {"drift": found.drift}
            rows.append({"film": name, "verdict": found.verdict, **told, "certainty": found.certainty})
    finally:  # of a large archive that was interrupted, what is known
        if out is not None and rows:
            save_table(rows, out)
    counts = Counter(row["verdict"] for row in rows)
    say(f"{len(rows)} films: {', '.join(f'{count} {verdict}' for verdict, count in counts.most_common())}")
    if out is not None:
        say(f"{out}: a row for each")


def _told(found: "Synced") -> tuple[str, str]:
    """Milliseconds and pictures; where they are not certain, that they are not."""
    return (f"{1000 * found.offset:+z.0f} ms", f"{found.frames:+z.1f}") if found.certain else ("unknown", "")


def _drift(found: "Synced") -> str:
    """What is to be said of a sound that falls behind, or runs ahead, ever further."""
    if found.drift is None:
        return ""
    speed = "slow" if found.drift > 0 else "fast"
    return f": drifts by {60_000 * found.drift:+.0f} ms a minute, its sound is {abs(found.drift):.2%} {speed}"


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
        say(f"{clip}: {offset}, {frames} pictures: the sound is {found.verdict} ({sure})")
    else:
        say(f"{clip}: no offset can be told ({sure})")
    if found.drift is not None:
        say(f"{clip}{_drift(found)}; --fix moves it as a whole")
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
        say(f"{fix}: {1000 * again.offset:+z.0f} ms are left")
