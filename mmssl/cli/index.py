"""`mmssl index`."""

from pathlib import Path
from typing import Annotated

import typer

from mmssl.errors import MmsslError


def index(
    run: Annotated[Path, typer.Argument(help="Run folder. Its recipe.py is run: trust who made it.")],
    data: Annotated[str, typer.Argument(help="Recordings: folder, glob, manifest or shards.")],
    out: Annotated[str, typer.Option(help="Folder of the index, or http://HOST:6333/NAME of a Qdrant server.")],
    stride: Annotated[
        float | None, typer.Option(help="Seconds from one window to the next; half a window if not given.")
    ] = None,
    modalities: Annotated[
        str, typer.Option(help="Of video, audio and text, with commas; all of the model if not given.")
    ] = "",
    batch_size: Annotated[int, typer.Option(min=1, help="Windows at once.")] = 64,
    workers: Annotated[int, typer.Option(min=0, help="Recordings decoded at once; 0: none beside the model.")] = 2,
    save_every: Annotated[float, typer.Option(min=0, help="Seconds of work that a crash may cost.")] = 10.0,
    prune: Annotated[bool, typer.Option("--prune", help="Remove recordings that DATA no longer holds.")] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:1.")] = "auto",
) -> None:
    """Make recordings searchable, or add them to an index that is there.

    Recordings are cut into overlapping windows as long as the clips that the model was trained on. What is in the
    index and has not changed is left alone, so the same command goes on after a crash and adds what is new.

    Several processes share the work when torchrun starts them, or a job array that sets RANK and WORLD_SIZE. Each
    writes a folder within --out, and the whole is searched as one index.

    Example:
        mmssl index runs/quickstart my/videos --out my/index
        mmssl search my/index "a red ball bouncing"
        torchrun --nproc-per-node 8 --no-python mmssl index runs/quickstart my/videos --out my/archive
    """
    from mmssl.applications.indexing import build_index
    from mmssl.applications.loaded import LEAST_RECALL
    from mmssl.applications.model import load
    from mmssl.cli.modalities import parsed
    from mmssl.cli.progress import bar
    from mmssl.cli.terminal import say

    chosen = parsed("--modalities", modalities)
    model = load(run, device)
    with bar("indexing") as show:
        report = build_index(
            model,
            data,
            out,
            stride=stride,
            modalities=chosen,
            batch_size=batch_size,
            threads=workers,
            save_every=save_every,
            prune=prune,
            watch=show,
        )
    if not report.moments and report.skipped:
        raise MmsslError(f"{out}: nothing to search, {'; '.join(' '.join(line.split()) for line in report.skipped)}")
    say(f"{out}: {report.moments} moments of {report.recordings} recordings")
    say(f"{report.added} added, {report.unchanged} were in already, {report.removed} removed")
    for line in report.skipped:
        say(line)
    if report.skipped and report.ledger is not None:
        say(f"all of them are named in {report.ledger}")
    if "://" in out:
        say("the server searches approximately; its recall was not measured")
    elif not report.recalls:
        say("searched exactly: recall 1.0 in every direction")
    for direction, recall in report.recalls.items():
        use = "used" if recall >= LEAST_RECALL else f"below {LEAST_RECALL}, so searched exactly"
        say(f"{direction}: recall@10 of the faiss index {recall:.3f} against an exact search, {use}")
