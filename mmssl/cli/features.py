"""`mmssl features`."""

from pathlib import Path
from typing import Annotated

import typer


def features(
    run: Annotated[Path, typer.Argument(help="Run folder. Its recipe.py is run: trust who made it.")],
    data: Annotated[str, typer.Argument(help="Recordings, named as the training will name them.")],
    out: Annotated[Path, typer.Option(help="Folder for the features.")],
    batch_size: Annotated[int, typer.Option(min=1, help="Clips at once.")] = 32,
    workers: Annotated[int, typer.Option(min=0, help="Processes that decode; 0: this one does.")] = 2,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:1.")] = "auto",
) -> None:
    """Compute the picture features of each recording once, for trainings that lock the picture's encoder.

    Example:
        mmssl features runs/quickstart world/train --out features
        mmssl train recipes/lit.py --data world/train --pretrained runs/quickstart --stored features --out runs/lit
    """
    from mmssl.applications.features import store_features
    from mmssl.applications.model import load
    from mmssl.cli.progress import bar
    from mmssl.cli.terminal import say

    model = load(run, device)
    with bar("looking") as watch:
        kept = store_features(model, data, out, batch_size=batch_size, workers=workers, watch=watch)
    say(f"{out}: {kept.dim} features of {kept.recordings} recordings")
    if kept.unreadable:
        say(f"{len(kept.unreadable)} recordings could not be read")
