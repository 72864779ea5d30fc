"""`mmssl quickstart`."""

import shlex
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from mmssl.errors import UsageError

RECIPE = Path(__file__).parents[2] / "recipes" / "quickstart.py"
GALLERY = 200  # held-out clips


def quickstart(
    context: typer.Context,
    out: Annotated[Path, typer.Option(help="Folder for all that is made.")] = Path("quickstart"),
    clips: Annotated[int, typer.Option(min=32, help="To train on; as many as the stated numbers are from.")] = 800,
    steps: Annotated[int, typer.Option(min=1, help="Of training.")] = 400,
) -> None:
    """Do the whole job once, in three to five minutes on two cores, offline: see OUT/report.html.

    Renders a made-up world to films, packs it, trains on picture, sound and words, measures on held-out clips, builds
    an index, answers a text, a sound and a picture, and draws a heat map. Each step is a command that is shown; stopped
    half-way, the same command goes on.

    Example:
        mmssl quickstart --out quickstart
    """
    if not RECIPE.is_file():
        raise UsageError(f"{RECIPE} is missing; run the quickstart from a clone of the project")
    out.mkdir(parents=True, exist_ok=True)
    job = _Job(context)
    world, run, index = out / "world", out / "run", out / "index"
    splits = f"train={clips},test={GALLERY}"
    job.do("render a world", "synthesize", world, "--clips", clips + GALLERY, "--splits", splits, "--workers", 2)
    job.do("pack it", "pack", world / "train", "--out", out / "shards")
    training = ("train", _shown(RECIPE), "--data", out / "shards", "--steps", steps, "--out", run, "--resume")
    job.do("train", *training)
    test = world / "test"
    job.do("measure", "evaluate", run, test, "--numbers", out / "numbers.json", "--plots", out / "plots")
    job.do("index", "index", run, test, "--out", index)
    from mmssl.applications.showcase import picture_of, write_report

    asked = {
        "words": "a red star is bouncing",
        "sound": test / "test-000004.mp4",
        "picture": picture_of(test / "test-000007.mp4", out / "asked.png"),
    }
    sheets = {kind: out / f"answers-{kind}.png" for kind in asked}
    common = ("search", index, "-k", 8)
    # Sound is compared with pictures and a picture with sounds: of two alike, the other kind is the question.
    job.do("ask in words", *common, asked["words"], "--in", "video", "--sheet", sheets["words"])
    job.do("ask by sound", *common, "--audio", asked["sound"], "--in", "video", "--sheet", sheets["sound"])
    job.do("ask by picture", *common, "--image", asked["picture"], "--in", "audio", "--sheet", sheets["picture"])
    job.do("localize", "localize", run, test / "test-000008.mp4", "--out", out / "heat.mp4")
    report = write_report(out, run, sheets, job.told)
    print(f"\n{report} shows it all, after {time.monotonic() - job.began:.0f} s")


class _Job:
    """Runs commands of this program in this process, each shown before as the line that would do the same."""

    def __init__(self, context: typer.Context) -> None:
        self._root = context.find_root()
        self.began = time.monotonic()
        self.told: list[tuple[str, str, float]] = []  # what it is for, the line, and seconds

    def do(self, purpose: str, *words: object) -> None:
        argv = [str(word) for word in words]
        line = shlex.join(["mmssl", *argv])
        print(f"\n$ {line}", flush=True)
        began = time.monotonic()
        self._call(argv)
        self.told.append((purpose, line, time.monotonic() - began))

    def _call(self, argv: Sequence[str]) -> None:
        name, *rest = argv
        command = self._root.command.commands[name]  # type: ignore[attr-defined]
        with command.make_context(name, list(rest), parent=self._root) as context:
            command.invoke(context)


def _shown(path: Path) -> Path:
    """Relative to here where that is shorter to read."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
