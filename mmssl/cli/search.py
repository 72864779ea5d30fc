"""`mmssl search`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mmssl.cli.terminal import one_line, warn
from mmssl.errors import UsageError

if TYPE_CHECKING:
    from mmssl.applications.moments import Hit


def search(
    indexes: Annotated[
        list[str] | None,
        typer.Argument(help="Folders of indexes, or the address of a Qdrant collection."),
    ] = None,
    words: Annotated[str | None, typer.Argument(help="What is seen or heard, in a language of the training.")] = None,
    audio: Annotated[Path | None, typer.Option(help="Search by a sound, or the sound of a film.")] = None,
    video: Annotated[Path | None, typer.Option(help="Search by a film's pictures.")] = None,
    image: Annotated[Path | None, typer.Option(help="Search by a picture.")] = None,
    within: Annotated[
        str, typer.Option("--in", help="What to compare with: of video, audio and text, with commas.")
    ] = "video,audio",
    count: Annotated[int, typer.Option("-k", "--count", min=1, help="Moments at most.")] = 10,
    sheet: Annotated[Path | None, typer.Option(help="Picture to write that shows the answers: .png or .jpg.")] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document, a list of the moments, instead of a table.")
    ] = False,
    run: Annotated[
        Path | None, typer.Option(help="Run folder; the one that made the index if not given. Its recipe.py is run.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:1.")] = "auto",
) -> None:
    """Find moments by words, a sound, a film or a picture.

    Answers are ranked moments (file, start and end in seconds). The score is the cosine when one modality is compared
    with, and joins the evidence of all otherwise. Any question is compared with pictures and sounds (--in video,audio):
    words find what is seen or heard, a sound finds what sounds like it and what makes it. With --in text, captions are
    searched. Several indexes of one run, or a folder of such, are searched as one.

    Example:
        mmssl search my/index "a red ball bouncing" --sheet answers.png
        mmssl search archive/2023 archive/2024 "a red ball bouncing"
        mmssl search my/index --audio bark.wav --in video -k 5
    """
    media = [given for given in (audio, video, image) if given is not None]
    places = list(indexes or [])
    if words is not None and (media or not places):  # the last name is taken for words
        places, words = [*places, words], None
    if not places:
        raise UsageError("name the folder of an index first; make one with: mmssl index RUN DATA --out INDEX")
    if words is None and len(media) != 1:
        given = "several were given" if media else "none was given"
        raise UsageError(f"give one question: words, --audio, --video or --image; {given}")
    if words is not None and not words.strip():
        raise UsageError("the words to search for are empty; write what is seen or heard")
    if sheet is not None and sheet.suffix.lower() not in {".png", ".jpg", ".jpeg"}:
        raise UsageError(f"--sheet {sheet}: must end in .png or .jpg")
    from mmssl.applications.model import load
    from mmssl.applications.search import is_index, open_indexes
    from mmssl.applications.search import search as find
    from mmssl.cli.documents import print_json
    from mmssl.cli.modalities import parsed
    from mmssl.training.folder import kept_recipe
    from mmssl.training.known import is_known

    modalities = parsed("--in", within) or ("video", "audio")
    if words is not None and is_index(words):
        raise UsageError(f"{words} is an index; write the words to search for behind the indexes")
    if media and len(places) > 1 and not is_index(places[-1]):
        detail = "is no index; as words it is a question beside --audio, --video or --image, and several were given"
        raise UsageError(f"{places[-1]}: {detail}")
    index = ", ".join(places)
    opened = open_indexes(places)
    if run is None and not opened.run:
        raise UsageError(f"{index}: does not say which run made it; name it by --run")
    if run is None and not is_known(kept_recipe(Path(opened.run))):
        detail = "whose recipe.py, a program, was not run from here before; read it, then name the run by --run"
        raise UsageError(f"{index}: was made by {opened.run}, {detail}")
    model = load(run or Path(opened.run), device)
    open_indexes(places, model.fingerprint)
    vector = model.query(text=words, audio=audio, video=video, image=image)
    asked = "text" if words is not None else "audio" if audio is not None else "video"
    hits = find(opened, vector, count, modalities, asked)  # type: ignore[arg-type]
    if json:
        print_json([_fields(rank, hit) for rank, hit in enumerate(hits, 1)])
    else:
        _print_table(hits)
    if len(hits) < count:
        found = f"{len(hits)} moments" if hits else "nothing"
        warn(f"{found} of the {len(opened)} moments in {index}, with {within}, not {count}")
    if sheet is not None and hits:
        from mmssl.applications.sheet import contact_sheet

        contact_sheet(hits, str(words or media[0]), sheet, model.reader)
        warn(sheet)


def _fields(rank: int, hit: "Hit") -> dict[str, object]:
    return {
        "rank": rank,
        "score": round(hit.score, 5),
        "file": hit.recording.name,
        "start": round(hit.start, 3),
        "end": round(hit.end, 3),
        "caption": hit.caption,
        "label": hit.recording.label,
    }


def _print_table(hits: Sequence["Hit"]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="bold")
    for name in ("rank", "score", "seconds"):
        table.add_column(name, justify="right", no_wrap=True)
    # Whole, over several lines if need be: a path that is cut off cannot be opened.
    table.add_column("file", overflow="fold")
    table.add_column("caption", overflow="fold")
    for rank, hit in enumerate(hits, 1):
        span = f"{hit.start:.1f}-{hit.end:.1f}"
        table.add_row(
            str(rank), f"{hit.score:.3f}", span, Text(one_line(hit.recording.name)), Text(one_line(hit.caption))
        )
    Console().print(table)
