"""`mmssl cluster`."""

from pathlib import Path
from typing import Annotated

import typer


def cluster(
    run: Annotated[Path, typer.Argument(help="Run folder. Its recipe.py is run: trust who made it.")],
    data: Annotated[str, typer.Argument(help="Recordings: folder, glob, manifest or shards.")],
    clusters: Annotated[int, typer.Option(min=0, help="How many to look for; 0: those that the model learnt.")] = 0,
    modalities: Annotated[
        str,
        typer.Option(help="Whose embeddings: of video, audio and text, with commas; all that are there if not given."),
    ] = "",
    dims: Annotated[
        int, typer.Option(min=0, help="Dimensions that PCA leaves, whitened, for many recordings; 0: no PCA.")
    ] = 0,
    out: Annotated[Path, typer.Option(help="File for the assignments: .csv or .json.")] = Path("clusters.csv"),
    sheets: Annotated[Path | None, typer.Option(help="Folder for one contact sheet a cluster.")] = None,
    tiles: Annotated[int, typer.Option(min=1, help="Recordings on a sheet.")] = 12,
    limit: Annotated[int, typer.Option(min=0, help="The first so many recordings; 0: all.")] = 0,
    batch_size: Annotated[int, typer.Option(min=1, help="Clips at once.")] = 32,
    workers: Annotated[int, typer.Option(min=0, help="Processes that decode; 0: this one does.")] = 2,
    seed: Annotated[int, typer.Option(min=0, help="Of the first centers.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:1.")] = "auto",
) -> None:
    """Put recordings into clusters: those that a clustering model has learnt, or k-means of any model's embeddings.

    The middle of each recording counts. Where recordings have labels, NMI, ARI and purity stand beside what the same
    clusters give with labels dealt out at random. Of the clusters, `used` are not empty, and `even` is how many of one
    size would be as even as these.

    Example:
        mmssl cluster runs/xdc world/test --out clusters.csv --sheets sheets
        mmssl cluster runs/quickstart world/test --clusters 16 --modalities audio
    """
    from mmssl.applications.cluster import KMeans, save_sheets, table
    from mmssl.applications.cluster import cluster as find
    from mmssl.applications.model import load
    from mmssl.applications.table_file import save_table
    from mmssl.cli.modalities import parsed
    from mmssl.cli.places import claim
    from mmssl.cli.progress import bar
    from mmssl.cli.tables import show
    from mmssl.cli.terminal import say, warn
    from mmssl.errors import UsageError

    asked = parsed("--modalities", modalities)
    if asked and not clusters:
        raise UsageError("--modalities goes with --clusters: what a model has learnt is of its own heads")
    if out.suffix not in (".csv", ".json"):
        raise UsageError(f"--out {out}: give a name that ends in .csv or .json")
    claim(out, None if sheets is None else sheets / "sheet.png")
    model = load(run, device)
    search = KMeans(clusters, dims, seed) if clusters else None
    with bar("clustering") as watch:
        found, skipped = find(
            model, data, search, asked, limit=limit, batch_size=batch_size, workers=workers, watch=watch
        )
    save_table(table(found, data), out)  # first, as whoever reads the numbers may stop reading
    show(found.numbers())
    say(f"{out}: {len(found.keys)} recordings")
    for line in skipped.summary():
        warn(line)
    if sheets is not None:
        paths = save_sheets(model, data, found, sheets, tiles)
        say(f"{sheets}: {len(paths)} contact sheets")
