"""`mmssl pack`."""

from pathlib import Path
from typing import Annotated

import typer


def pack(
    sources: Annotated[
        list[str],
        typer.Argument(help="Folders, globs, .csv or .jsonl manifests, shards or addresses.", metavar="SOURCE"),
    ],
    out: Annotated[Path, typer.Option(help="Folder for the shards.")],
    shard_mb: Annotated[int, typer.Option(min=1, help="The most megabytes (2^20 bytes) of a shard, about.")] = 256,
    workers: Annotated[int, typer.Option(min=0, help="Processes; 0: one a core.")] = 0,
    validate: Annotated[
        bool, typer.Option(help="Open each recording once and leave out what cannot be opened.")
    ] = True,
) -> None:
    """Pack recordings into tar shards in webdataset's layout, media bytes untouched.

    Stopped half-way, the same command goes on. What cannot be read is left out and named in skipped.jsonl.

    Example:
        mmssl pack my/videos --out shards/mine
        mmssl pack clips.csv --out shards/clips --shard-mb 512 --workers 8
        mmssl pack "s3://bucket/raw-{000..127}.tar" --out shards/raw
    """
    from rich.console import Console

    from mmssl.cli.terminal import say
    from mmssl.data.pack import pack as pack_recordings

    progress = Console(stderr=True)
    source = sources[0] if len(sources) == 1 else sources
    report = pack_recordings(
        source, out, shard_bytes=shard_mb << 20, workers=workers, validate=validate, console=progress
    )
    goes_on = f", {report.reused} of them from an earlier run" if report.reused else ""
    say(f"{report.samples} recordings, {report.bytes / 1e6:.1f} MB in {len(report.shards)} shards{goes_on}: {out}")
    for fault, count in report.faults.most_common():
        first = next(skip for skip in report.skipped if skip.fault == fault)
        say(f"left out {count} ({fault}), such as {first.detail}")
    if report.skipped:
        say(f"all {len(report.skipped)} are named in {out / 'skipped.jsonl'}")
