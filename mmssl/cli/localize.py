"""`mmssl localize`."""

from pathlib import Path
from typing import Annotated

import typer


def localize(
    run: Annotated[Path, typer.Argument(help="Run folder of a model with picture and sound. Its recipe.py is run.")],
    clip: Annotated[Path, typer.Argument(help="The film.")],
    out: Annotated[
        Path | None, typer.Option(help="Film to write: .mp4, .mov or .mkv; default CLIP-heat.mp4 here.")
    ] = None,
    stills: Annotated[Path | None, typer.Option(help="Folder for key pictures; default beside --out.")] = None,
    track: Annotated[Path | None, typer.Option(help="File for the peak's track; default beside --out.")] = None,
    threshold: Annotated[
        float | None, typer.Option(help="Score below which nothing in view sounds; the run's own if not given.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:1.")] = "auto",
) -> None:
    """Show where a film sounds: a heat map over its pictures, with its original sound.

    Beside the film go PNGs of its hottest pictures and the peak's track as JSON (time, x, y, score), which also says
    when nothing in view sounds.

    Example:
        mmssl localize runs/quickstart clip.mp4 --out overlay.mp4
    """
    from mmssl.applications.film_writing import check_target
    from mmssl.applications.model import load
    from mmssl.cli.places import claim
    from mmssl.cli.progress import bar
    from mmssl.cli.terminal import say

    target = Path(f"{clip.stem}-heat.mp4") if out is None else out
    told = target.with_suffix(".json") if track is None else track
    check_target(target, [clip])
    claim(target, told)
    model = load(run, device)
    with bar("localizing") as show:
        found = model.localize(
            clip,
            target,
            stills=target.with_name(f"{target.stem}-stills") if stills is None else stills,
            threshold=threshold,
            watch=show,
        )
    found.save(told)
    say(f"{target}: {len(found.track)} pictures, sound {'as it was' if found.sound_copied else 'encoded again'}")
    say(f"{told}: track of the peak; {len(found.stills)} key pictures in {Path(found.stills[0]).parent}")
    say(f"threshold {found.threshold.value:.3f}: {found.threshold.origin}")
    spans = found.silent()
    seconds = sum(end - start for start, end in spans)
    if not spans:
        say("something in view sounds all the time")
    elif not any(point.sounding for point in found.track):
        say("nothing in view sounds at any time")
    else:
        named = ", ".join(f"{start:.1f}-{end:.1f}" for start, end in spans[:8])
        say(f"nothing in view sounds for {seconds:.1f} s: {named}{' and more' if len(spans) > 8 else ''}")
