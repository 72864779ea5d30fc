"""`synthesize`, scenes to files: `OUT/SPLIT/KEY.mp4` and `KEY.json`, and `OUT/world.json` with the settings."""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from mmssl.data.atomic import write_atomically
from mmssl.data.process_pool import interrupts_held, process_pool
from mmssl.data.synthetic.captions import captions
from mmssl.data.synthetic.difficulty import Difficulty
from mmssl.data.synthetic.film import write
from mmssl.data.synthetic.render import render
from mmssl.data.synthetic.sound import sound
from mmssl.data.synthetic.truth import truth
from mmssl.data.synthetic.world import scene, unlinked
from mmssl.errors import UsageError

SPLITS: Mapping[str, float] = {"train": 0.8, "valid": 0.1, "test": 0.1}
VERSION = 1  # of the world: another one makes other clips from the same seed
SETTINGS = "world.json"


@dataclass(frozen=True, kw_only=True)
class World:
    """What all clips of a data set share."""

    seed: int = 0
    seconds: float = 4.0
    pixels: int = 128
    fps: int = 25
    sample_rate: int = 16_000
    difficulty: Difficulty = field(default_factory=Difficulty)

    def __post_init__(self) -> None:
        checks = {
            "seed": self.seed >= 0,
            "seconds": 0.5 <= self.seconds <= 600,
            "pixels": 32 <= self.pixels <= 1024 and self.pixels % 2 == 0,
            "fps": 5 <= self.fps <= 120,
            "sample_rate": self.sample_rate in (16_000, 22_050, 24_000, 32_000, 44_100, 48_000),
        }
        for name, good in checks.items():
            if not good:
                raise UsageError(f"{name} is {getattr(self, name)}, which this world does not offer; see --help")

    def to_json(self) -> dict[str, Any]:
        """Settings by name."""
        return {**vars(self), "difficulty": self.difficulty.to_json(), "version": VERSION}


def make(world: World, split: str, number: int, folder: Path) -> bool:
    """One clip in `folder`, unless it is there already: whether it was made.

    Both files are written beside and renamed, the `.json` last, so a clip with a `.json` is finished.
    """
    shown = scene(world.seed, split, number, world.difficulty, world.seconds)
    film, description = folder / f"{shown.key}.mp4", folder / f"{shown.key}.json"
    if description.exists() and film.exists():
        return False
    said, moments = captions(shown)
    known = truth(shown, world.pixels, world.fps, world.sample_rate, moments)
    heard = shown if world.difficulty.linked else unlinked(shown)
    fields = {
        "captions": said,
        "label": known.action if world.difficulty.told_by_action else shown.things[shown.main].kind,
        "group": f"{world.seed}-{shown.key}",
        "truth": known.to_json(),
    }
    # The number of the process keeps apart two commands that fill the same folder.
    film_part, description_part = (path.with_name(f".{path.name}.{os.getpid()}") for path in (film, description))
    try:
        write(film_part, render(shown, known), sound(heard, world.sample_rate), world.fps, world.sample_rate)
        description_part.write_text(json.dumps(fields, ensure_ascii=False, separators=(",", ":")), encoding="utf-8")
        film_part.replace(film)
        description_part.replace(description)
    finally:
        film_part.unlink(missing_ok=True)
        description_part.unlink(missing_ok=True)
    return True


def divide(clips: int, splits: Mapping[str, float]) -> dict[str, int]:
    """Clips of each split, in proportion to its share; what rounding leaves goes to the largest remainders.

    Raises:
        UsageError: a share is negative, or all are 0.
    """
    total = sum(splits.values())
    if clips < 0 or total <= 0 or min(splits.values()) < 0:
        raise UsageError(f"{clips} clips cannot be divided in the shares {dict(splits)}; give shares above 0")
    exact = {name: clips * share / total for name, share in splits.items()}
    counts = {name: int(value) for name, value in exact.items()}
    by_remainder = sorted(exact, key=lambda name: counts[name] - exact[name])
    for name in by_remainder[: clips - sum(counts.values())]:
        counts[name] += 1
    return counts


def _settle(out: Path, world: World) -> None:
    """Keep the settings beside the clips and refuse to mix clips of two worlds."""
    settings, wanted = out / SETTINGS, world.to_json()
    if settings.exists():
        try:
            found = dict(json.loads(settings.read_text(encoding="utf-8")))
        except ValueError:
            raise UsageError(f"{settings} is damaged; remove it, or give another folder") from None
        for name in wanted:
            if found.get(name) != wanted[name]:
                raise UsageError(
                    f"{settings}: {name} is {found.get(name)} and not {wanted[name]}; give the same settings to go on "
                    "with this world, or another folder to make another"
                )
        return
    write_atomically(settings, json.dumps(wanted, indent=1))


def _make(task: tuple[World, str, int, Path]) -> bool:
    return make(*task)


def synthesize(
    out: Path,
    clips: int,
    *,
    world: World | None = None,
    splits: Mapping[str, float] = SPLITS,
    workers: int = 1,
    progress: bool = True,
) -> int:
    """Render a world to `OUT/SPLIT/KEY.mp4` and `KEY.json`; clips that are there already are left as they are.

    The files are a function of the settings alone: not of the number of workers, nor of how many clips are made.

    Args:
        out: folder, made if it is missing.
        clips: of all splits together.
        world: settings.
        splits: name to share of the clips. Scenes of a split depend on its name, so no scene is in two of them.
        workers: processes.
        progress: show a bar.

    Returns:
        How many clips were made.

    Raises:
        UsageError: the folder holds a world of other settings or cannot be written, or the shares are wrong.
    """
    world, counts = world or World(), divide(clips, splits)
    try:
        return _render(out, counts, world, workers, progress)
    except OSError as error:
        raise UsageError(f"{out} cannot be written ({error}); make room there or give another folder") from None


def _render(out: Path, counts: Mapping[str, int], world: World, workers: int, progress: bool) -> int:
    for split in counts:
        (out / split).mkdir(parents=True, exist_ok=True)
    _settle(out, world)
    tasks = ((world, split, number, out / split) for split, count in counts.items() for number in range(count))
    columns = (TextColumn("rendering clips"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    made = 0
    with Progress(*columns, TimeRemainingColumn(), disable=not progress) as bar:
        shown = bar.add_task("", total=sum(counts.values()))
        for is_new in _results(tasks, workers):
            made += is_new
            bar.advance(shown)
    return made


def _results(tasks: Iterator[tuple[World, str, int, Path]], workers: int) -> Iterator[bool]:
    """Whether each clip was made, in order."""
    if workers <= 1:
        yield from map(_make, tasks)
        return
    pending = list(tasks)
    with process_pool(workers) as pool:
        with interrupts_held():
            made = pool.map(_make, pending)  # one at a time, for Ctrl-C waits for those that have begun
        yield from made


def parse_splits(text: str) -> dict[str, float]:
    """`train=0.8,test=0.2` to shares by name.

    Raises:
        UsageError: it is not written like this.
    """
    shares: dict[str, float] = {}
    for part in text.split(","):
        name, equals, share = part.strip().partition("=")
        try:
            shares[name] = float(share)
        except ValueError:
            equals = ""
        if not equals or not name.isidentifier():
            raise UsageError(f"--splits {text!r} is not like train=0.8,valid=0.1,test=0.1")
    return shares
