"""`mmssl filter`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from mmssl.data.corpus.filtering import FilterReport

REPORT = "filter.json"


def filter_(
    sources: Annotated[
        list[str],
        typer.Argument(help="Folders, globs, .csv or .jsonl manifests, shards or addresses.", metavar="SOURCE"),
    ],
    out: Annotated[
        Path | None, typer.Option(help="Folder for the shards of what is kept; not needed with --dry-run.")
    ] = None,
    fewest_words: Annotated[int, typer.Option(min=0, help="Of a caption.")] = 3,
    most_words: Annotated[int, typer.Option(min=1, help="Of a caption.")] = 20,
    most_shared: Annotated[int, typer.Option(min=1, help="Recordings that may share a caption.")] = 10,
    n_grams: Annotated[
        int, typer.Option(min=1, help="Most frequent words and pairs of words; captions with others are left out.")
    ] = 100_000_000,
    most_captions: Annotated[int, typer.Option(min=1, help="Of a recording.")] = 1000,
    pixels: Annotated[int, typer.Option(min=0, help="The shorter side must be longer than this.")] = 200,
    ratio: Annotated[float, typer.Option(min=1.0, help="The sides must differ by less than this.")] = 3.0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count only, write no shards.")] = False,
) -> None:
    """Leave out captions and recordings that teach little, by ALIGN's rules, and pack the rest into shards.

    Two passes: the first counts captions, words and pairs of words over the whole corpus, on the disk; the second
    judges each caption and the header of each file. OUT/filter.json says how many each rule rejected, with examples.
    What a picture shows is not judged: for decency and leaks of test pictures bring your own rule
    (mmssl.data.corpus.rules.RecordingRule).

    Example:
        mmssl filter "raw/{000..127}.tar" --out filtered
        mmssl filter clips.csv --out filtered --fewest-words 2 --pixels 0
        mmssl filter clips.csv --most-shared 5 --dry-run
    """
    from rich.console import Console

    from mmssl.cli.documents import document
    from mmssl.cli.progress import bar
    from mmssl.cli.terminal import say
    from mmssl.data.atomic import write_atomically
    from mmssl.data.corpus.filtering import Filter, filtered
    from mmssl.data.corpus.rules import Crowded, Elongated, Length, Rare, Shared, Small
    from mmssl.data.pack import pack_opened
    from mmssl.data.sources import open_recordings
    from mmssl.errors import UsageError

    if out is None and not dry_run:
        raise UsageError("give --out, a folder for what is kept, or --dry-run to count only")
    rules = Filter(
        captions=(Length(fewest_words, most_words), Shared(), Rare()),
        recordings=(Crowded(most_captions), Small(pixels), Elongated(ratio)),
        most_shared=most_shared,
        n_grams_kept=n_grams,
    )
    recordings = open_recordings(sources[0] if len(sources) == 1 else sources)
    with bar("filtering") as show:
        kept, report = filtered(recordings, rules, show)
    for line in _lines(report):
        say(line)
    if dry_run or out is None:
        return
    if not len(kept):
        raise UsageError(
            f"{recordings.name}: no recording is left; give milder rules (see --help), or --dry-run to look"
        )
    packed = pack_opened(kept, out, console=Console(stderr=True))
    write_atomically(out / REPORT, document(vars(report)))
    say(f"{packed.samples} recordings in {len(packed.shards)} shards: {out}; all counts: {out / REPORT}")


def _lines(report: "FilterReport") -> list[str]:
    """For people."""
    lines = [f"captions: {report.kept_captions} of {report.captions} kept"]
    lines += [f"{count:>10}  {name}" for name, count in report.rejected_captions.most_common()]
    lines += [f"recordings: {report.kept_recordings} of {report.recordings} kept"]
    lines += [f"{count:>10}  {name}" for name, count in report.rejected_recordings.most_common()]
    return lines
