"""SIGKILL at random instants of a training, again and again: does the resumed run do what an undisturbed one did?

python -m benchmarks.kills --kills 50 --out benchmarks/results/kills        in about two minutes
python -m benchmarks.kills --kills 4 --steps 12

A training of the quickstart's model, small, over files and over shards of the synthetic world, is killed while it
steps, saves or has just begun; each attempt goes on with another number of workers (0, 1, 2 or 4). Of every step of
every attempt the clips and the loss are kept. All of them must equal those of the undisturbed run, with the loss, the
log and the last weights, moments and averages equal bit for bit.
"""

import argparse
import csv
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout, suppress
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.machine import setting
from benchmarks.tables import Row, markdown, write
from mmssl.batch import Batch
from mmssl.data.pack import pack
from mmssl.data.synthetic.generate import World, synthesize
from mmssl.objective import Terms
from mmssl.run import Run
from mmssl.training.checkpoint import Checkpoints
from mmssl.training.loop import train
from mmssl.training.recipe import Argument, Recipe

RECIPE = Path(__file__).parents[1] / "recipes" / "quickstart.py"
WORKERS = (0, 1, 2, 4)
CLIPS = 24
PATIENCE = 120.0  # seconds in which an attempt must get to its step


def watched(run: Run, told: Path) -> Run:
    """Every step that is done becomes a line: its number, its clips, its loss to the last bit."""
    objective, usual = run.objective, run.objective.forward
    seen: list[tuple[tuple[str, ...], str]] = []

    def forward(batch: Batch) -> tuple[Tensor, Terms]:
        loss, terms = usual(batch)
        seen.append((batch.keys, float(loss).hex()))
        return loss, terms

    def after_step(progress: float) -> None:
        type(objective).after_step(objective, progress)
        line = json.dumps({"step": round(progress * run.steps), "batches": seen}) + "\n"
        with told.open("a") as file:
            file.write(line)
        seen.clear()

    objective.forward = forward  # type: ignore[method-assign]
    objective.after_step = after_step  # type: ignore[method-assign]
    return run


def lines(told: Path) -> list[dict[str, object]]:
    """All steps so far; one that is being written is not counted."""
    text = told.read_text() if told.exists() else ""
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


def attempt(make: Callable[[], Run], folder: Path, told: Path, workers: int) -> int:
    """Another process that goes on with the run."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        os.setsid()
        # The terminal is the storm's.
        with (folder.parent / "attempts.log").open("a", buffering=1) as log, redirect_stdout(log):
            train(watched(replace(make(), workers=workers), told), folder, device="cpu", resume=True)
        status = 0
    finally:
        os._exit(status)


def left(groups: Sequence[int]) -> int:
    """Workers of killed trainings that still run 10 s later."""
    until = time.monotonic() + 10
    while True:
        running = 0
        for path in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):  # it has ended meanwhile
                state, _, group, *_ = path.read_text().rpartition(")")[2].split()
                running += state != "Z" and int(group) in groups
        if not running or time.monotonic() > until:
            return running
        time.sleep(0.1)


def storm(make: Callable[[], Run], folder: Path, told: Path, kills: int, draw: random.Random, groups: list[int]) -> int:
    """Kill and resume until it was killed often enough, then let it end; how often it was killed."""
    done = attempts = 0
    while True:
        last = attempts == kills
        child = attempt(make, folder, told, WORKERS[attempts % len(WORKERS)])
        attempts += 1
        begun, goal = len(lines(told)), draw.choice((0, 1, 1, 2, 3))
        since = time.monotonic()
        while not last and len(lines(told)) < begun + goal and time.monotonic() - since < PATIENCE:
            if os.waitpid(child, os.WNOHANG)[0]:
                return done  # it came to its end
            time.sleep(0.002)
        if not last:
            time.sleep(draw.uniform(0, 0.15))
            os.kill(child, signal.SIGKILL)
            groups.append(child)
        status = os.waitpid(child, 0)[1]
        if os.WIFEXITED(status):
            if os.WEXITSTATUS(status):
                raise SystemExit(f"attempt {attempts} failed; see {folder.parent / 'attempts.log'}")
            return done
        done += 1


def tensors(folder: Path, step: int) -> dict[str, Tensor]:
    """Of the checkpoint after a step."""
    parts = Checkpoints(folder / "checkpoints").read(step).parts
    return {f"{part}/{name}": tensor for part, tensors in parts.items() for name, tensor in tensors.items()}


def logged(folder: Path) -> list[tuple[str, ...]]:
    """The rows of `log.csv` without what depends on the clock."""
    with (folder / "log.csv").open(newline="") as file:
        return [
            tuple(row[name] for name in row if name not in ("clips_per_second", "data_wait"))
            for row in csv.DictReader(file)
        ]


def measure(kind: str, source: str, folder: Path, kills: int, steps: int, seed: int) -> Row:
    """One storm over one kind of data."""

    def make() -> Run:
        arguments: dict[str, Argument] = {"data": source, "steps": steps, "batch_size": 4, "frames": 2, "pixels": 32}
        run = Recipe(RECIPE, arguments).build()
        plan = replace(run.optimization, ema=0.9, accumulate=2)
        return replace(run, optimization=plan, evaluations={}, evaluate_every=0, save_every=2)

    with redirect_stdout(sys.stderr):
        train(watched(make(), folder / "whole.jsonl"), folder / "whole", device="cpu")
    groups = list[int]()
    killed = storm(make, folder / "parts", folder / "parts.jsonl", kills, random.Random(seed), groups)
    expected = {line["step"]: line for line in lines(folder / "whole.jsonl")}
    found = lines(folder / "parts.jsonl")
    one, other = tensors(folder / "whole", steps), tensors(folder / "parts", steps)
    unequal = [name for name, tensor in one.items() if name not in other or not torch.equal(tensor, other[name])]
    return {
        "data": kind,
        "kills": killed,
        "steps": steps,
        "steps done": len(found),
        "steps with other clips or loss": sum(line != expected[line["step"]] for line in found),
        "steps never done": len(expected.keys() - {line["step"] for line in found}),
        "rows of the log that differ": sum(
            a != b for a, b in zip(logged(folder / "whole"), logged(folder / "parts"), strict=True)
        ),
        "tensors that differ": len(unequal) + len(other.keys() - one.keys()),
        "checkpoints left unfinished": len(list((folder / "parts" / "checkpoints").glob(".*"))),
        "processes left": left(groups),
    }


def main() -> None:
    """The command line; exit status 1 where anything differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50, help="over files and shards together")
    parser.add_argument("--steps", type=int, default=100, help="of each run")
    parser.add_argument("--seed", type=int, default=0, help="of the instants")
    parser.add_argument("--out", type=Path, help="where the table goes, if anywhere")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    rows = list[Row]()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        synthesize(folder / "files", CLIPS, splits={"train": 1}, world=World(seconds=2.5, pixels=64), progress=False)
        files, shards = folder / "files" / "train", folder / "shards"
        with redirect_stdout(sys.stderr):
            pack(str(files), shards)
        for number, (kind, source) in enumerate({"files": files, "shards": shards}.items()):
            (folder / f"runs-{kind}").mkdir()
            share = (asked.kills + 1 - number) // 2
            rows.append(measure(kind, str(source), folder / f"runs-{kind}", share, asked.steps, asked.seed + number))
    print(markdown(rows))
    if asked.out is not None:
        write(asked.out, setting(torch.device("cpu"), "av"), rows)
    wrong = sum(int(row[name] or 0) for row in rows for name in list(rows[0])[4:])
    print(f"{sum(int(row['kills'] or 0) for row in rows)} kills, {wrong} differences")
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
