"""`mmssl probe`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

OFFSET = 0.01  # of full scale; more is a fault of the recorder

if TYPE_CHECKING:
    from rich.table import Table

    from mmssl.data.probe import Probe


def probe(
    where: Annotated[str, typer.Argument(help="A media file, or a folder of them.", metavar="FILE|FOLDER")],
    json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document: an object for a file, a list for a folder.")
    ] = False,
    deep: Annotated[bool, typer.Option(help="Decode everything, not just the beginning, middle and end.")] = False,
) -> None:
    """Show what is in recordings, and what is broken in them.

    The exit status is 3 when a single file is broken.

    Example:
        mmssl probe clip.mp4
        mmssl probe my/videos --deep
        mmssl probe my/videos --json > report.json
    """
    from rich.console import Console
    from rich.progress import track

    from mmssl.cli.documents import print_json
    from mmssl.cli.terminal import say
    from mmssl.data.network import is_remote
    from mmssl.data.probe import media_files, probe_folder
    from mmssl.data.probe import probe as probe_file
    from mmssl.data.sources import is_film
    from mmssl.errors import UsageError

    if is_remote(where):
        raise UsageError(
            f"{where}: probe opens files of this machine; `mmssl pack {where} --out NEW` names what is broken"
        )
    path = Path(where)
    if path.is_file() and not is_film(str(path)):
        raise UsageError(f"{path}: is no media file; `mmssl pack {path} --out NEW` names what in it cannot be read")
    if not path.is_dir():
        found = probe_file(path, deep=deep)
        if json:
            print_json(found.fields())
        else:
            for line in _block(found):
                say(line)
        if found.broken:
            raise typer.Exit(3)
        return
    progress = Console(stderr=True)
    count = len(media_files(path))
    probes = list(
        track(probe_folder(path, deep=deep), "probing", count, console=progress, disable=not progress.is_terminal)
    )
    if json:
        print_json([found.fields() for found in probes])
        return
    Console().print(_table(probes, path))
    print(f"{len(probes)} files, {sum(bool(found.broken) for found in probes)} broken")
    for found in probes:
        for fault, detail in found.broken:
            say(f"broken: {found.path}: {detail} ({fault.value})")


def _block(found: "Probe") -> list[str]:
    """One file, a line for each thing."""
    lines = [found.path]
    info = found.info
    if info is not None:
        lines += [f"  duration   {info.duration:.3f} s", f"  container  {info.container}"]
        lines += [f"  stream     {stream}" for stream in found.streams]
        lines.append(f"  picture    {_picture(found, long=True)}")
        lines.append(f"  sound      {_sound(found)}")
    if found.offset is not None:
        order = "together" if abs(found.offset) < 0.0005 else "sound later" if found.offset > 0 else "sound earlier"
        lines.append(f"  starts     {found.offset:+.3f} s, sound minus picture ({order})")
    lines.append(f"  captions   {_captions(found)}")
    lines += [f"  broken     {detail} ({fault.value})" for fault, detail in found.broken] or [
        "  broken     nothing found"
    ]
    return lines


def _table(probes: list["Probe"], folder: Path) -> "Table":
    from rich.table import Table
    from rich.text import Text

    from mmssl.cli.terminal import one_line

    table = Table(title=Text(one_line(folder)), caption="starts: sound minus picture, seconds")
    for name in ("file", "seconds", "picture", "sound", "starts", "captions", "broken"):
        table.add_column(name, overflow="fold", justify="right" if name in {"seconds", "starts"} else "left")
    for found in probes:
        table.add_row(
            Text(one_line(Path(found.path).relative_to(folder))),  # not markup of rich's either
            "" if found.info is None else f"{found.info.duration:.2f}",
            _picture(found, long=False),
            _sound(found),
            "" if found.offset is None else f"{found.offset:+.3f}",
            Text(one_line(_captions(found))),
            ", ".join(fault.value for fault, _ in found.broken),
        )
    return table


def _picture(found: "Probe", *, long: bool) -> str:
    video = None if found.info is None else found.info.video
    if video is None:
        return "none" if found.info else ""
    parts = [video.codec, f"{video.width}x{video.height}", f"{video.fps:.2f} fps"]
    if video.variable:
        between = f" ({found.slowest:.1f} to {found.fastest:.1f})" if long else ""
        parts.append(f"variable{between}")
    elif long:
        parts.append("constant")
    if video.rotation:
        parts.append(f"turned by {video.rotation}°")
    if found.still:
        parts.append("still")
    return " ".join(parts)


def _sound(found: "Probe") -> str:
    audio = None if found.info is None else found.info.audio
    if audio is None:
        return "none" if found.info else ""
    channels = {1: "mono", 2: "stereo"}.get(audio.channels, f"{audio.channels} channels")
    parts = [audio.codec, f"{audio.sample_rate} Hz", channels]
    if found.silent:
        parts.append("silent")
    if found.clipped:
        parts.append("clipped")
    if abs(found.bias) >= OFFSET:
        parts.append(f"off center by {found.bias:+.2f}")
    return " ".join(parts)


def _captions(found: "Probe") -> str:
    languages = ", ".join(language or "language unknown" for language in found.languages)
    return f"{found.captions} ({languages})" if found.captions else "none"
