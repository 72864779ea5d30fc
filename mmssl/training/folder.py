"""The folder of a run: what is needed to rebuild the model years later.

recipe.py  run.json  README.md  log.csv  metrics.jsonl  skipped.jsonl  tensorboard/  checkpoints/step-00001000/
and the modules that the recipe imported from beside it, under their own names.
"""

import json
import logging
import platform
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from mmssl import __version__
from mmssl.data.atomic import write_atomically
from mmssl.distributed import world
from mmssl.errors import CheckpointError, UsageError
from mmssl.modules.pretrained import without_pretrained
from mmssl.run import Optimization, Run
from mmssl.training.beside import others
from mmssl.training.checkpoint import Checkpoint, Checkpoints
from mmssl.training.known import remember
from mmssl.training.recipe import Argument, Recipe
from mmssl.training.state import load_weights
from mmssl.training.versions import other_decoder

FORMAT = 1
PLACES = ("data", "held_out")  # arguments of a recipe that say where recordings are
_log = logging.getLogger(__name__)


def commit() -> str:
    """Of the repository that this code is in, with `-dirty` where it was changed; "" outside of one."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--abbrev=40", "--dirty", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""


def identity(run: Run, fingerprint: str) -> dict[str, Any]:
    """What a resumed run must agree on with the one that was stopped, for bit-exactness."""
    return {
        "seed": run.seed,
        "steps": run.steps,
        "batch_size": run.batch_size,
        "optimization": asdict(run.optimization),
        "data_fingerprint": fingerprint,
        "tokenizer": run.data.tokenizer.fingerprint() if run.data.tokenizer is not None else "",
    }


def read_run_json(folder: Path) -> dict[str, Any]:
    """`run.json` of a run folder.

    Raises:
        CheckpointError: it is missing, damaged or of a newer format.
    """
    path = folder / "run.json"
    try:
        content: dict[str, Any] = json.loads(path.read_text())
    except (FileNotFoundError, NotADirectoryError) as error:
        raise CheckpointError(f"{folder}: no run folder, it has no run.json; give the --out of a training") from error
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(
            f"{path}: cannot be read or is damaged ({error}); copy it from where it is whole"
        ) from error
    kinds = {"format": int, "arguments": dict}
    if not isinstance(content, dict) or not all(isinstance(content.get(name), kind) for name, kind in kinds.items()):
        raise CheckpointError(f"{path}: is damaged, it must hold an object with format and arguments; copy it anew")
    if content["format"] > FORMAT:
        raise CheckpointError(f"{path}: format {content['format']}, this mmssl reads {FORMAT}; install a newer mmssl")
    return content


def start_folder(
    folder: Path, run: Run, fingerprint: str, recipe: Recipe | None, begin_with: Path | None, *, resume: bool
) -> None:
    """Make the folder of a new run, or check that the one there is of this run.

    Raises:
        UsageError: a run is there and `resume` is off, or what is there is of another run.
    """
    wanted = identity(run, fingerprint)
    if (folder / "run.json").exists():
        if not resume:
            raise UsageError(f"{folder}: holds a run already; go on with it by --resume, or give another --out")
        kept = read_run_json(folder)
        # What an earlier version did not know of had, in effect, its default. A tuple comes back from JSON as a list.
        kept["optimization"] = {**asdict(Optimization()), **kept.get("optimization", {})}
        kept, wanted = (json.loads(json.dumps(content, default=str)) for content in (kept, wanted))
        if kept.get("data_fingerprint") != fingerprint:
            raise UsageError(
                f"{folder}: was started on other recordings than those of {run.data.source}; give the same"
            )
        for name, value in wanted.items():
            if kept.get(name) != value:
                raise UsageError(f"{folder}: was started with {name} {kept.get(name)}, not {value}; it cannot go on so")
        return
    if recipe is not None:
        _keep(recipe, folder)
    if run.data.tokenizer is not None:
        run.data.tokenizer.save(folder)
    content = {
        "format": FORMAT,
        "recipe": None if recipe is None else recipe.path.name,
        "arguments": {} if recipe is None else recipe.arguments,
        **wanted,
        "objective": type(run.objective).__name__,
        "begin_with": None if begin_with is None else str(begin_with.absolute()),
        "processes": world(),
        "versions": {
            "mmssl": __version__,
            "python": platform.python_version(),
            "torch": version("torch"),
            **run.data.reader.versions(),
        },
        "commit": commit(),
        "command": sys.argv,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    # Last and at once: a folder without run.json is not a run yet, and starting again in it is right.
    write_atomically(folder / "run.json", json.dumps(content, indent=1, default=str) + "\n")


def _keep(recipe: Recipe, folder: Path) -> None:
    """The page, and where it finds them again what it imported from beside it."""
    if "recipe" in recipe.beside:
        raise UsageError(
            f"{recipe.beside['recipe']}: a run folder has its own recipe.py; give this module another name"
        )
    write_atomically(folder / "recipe.py", recipe.path.read_bytes())
    for file in recipe.beside.values():
        copy = folder / file.relative_to(recipe.path.absolute().parent)
        copy.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(copy, file.read_bytes())


def kept_recipe(folder: Path) -> Recipe:
    """The recipe of a run folder with its arguments.

    Raises:
        CheckpointError: there is none.
    """
    content = read_run_json(folder)
    if not (folder / "recipe.py").is_file():
        raise CheckpointError(f"{folder}: has no recipe.py; build its Run and call mmssl.training.folder.restore")
    return Recipe(folder / "recipe.py", content["arguments"])


def resumed_recipe(folder: Path, page: Path, typed: Mapping[str, Argument]) -> Recipe:
    """The recipe that a run goes on with: the folder's own copy and arguments, whatever became of the page.

    Args:
        folder: of the run.
        page: the recipe that was named.
        typed: arguments that were given again; those that say where recordings are may be others, as data move.

    Raises:
        UsageError: one of them is not what the run was started with.
        CheckpointError: this is no run folder, or it has no recipe.
    """
    kept = kept_recipe(folder)
    for name, value in typed.items():
        if (was := kept.arguments.get(name)) != value and name not in PLACES:
            raise UsageError(
                f"{folder}: was started with {name} {was}, not {value}; leave it out, or begin another run with its "
                f"weights by --out NEW --begin-with {folder}"
            )
    copies = {page: kept.path.read_bytes(), **{page.parent / name: text for name, text in others(kept.path).items()}}
    for file, text in copies.items():
        if file.is_file() and file.read_bytes() != text:
            _log.warning("%s has changed since %s was started, which goes on with its own copy", file, folder)
    return Recipe(kept.path, {**kept.arguments, **typed})


@cache
def _tell_once(text: str) -> None:
    _log.warning("%s", text)


def newest_checkpoint(folder: Path) -> Checkpoint:
    """The newest of a run folder.

    Raises:
        CheckpointError: there is none, or it is damaged.
    """
    checkpoints = Checkpoints(folder / "checkpoints")
    if not checkpoints.steps():
        raise CheckpointError(f"{folder}: has no checkpoint yet; train it with `mmssl train`")
    return checkpoints.read(checkpoints.steps()[-1])


def restore(run: Run, folder: Path) -> Run:
    """Give the objective of `run` the newest weights of a run folder, the averaged ones if kept, in eval mode.

    Raises:
        CheckpointError: there is no checkpoint, it is damaged, or of another model.
    """
    checkpoint = newest_checkpoint(folder)
    load_weights(run.objective, checkpoint.weights, str(folder))
    if changed := other_decoder(checkpoint.facts.get("decoder", {}), run.data.reader.versions()):
        _tell_once(f"{folder} {changed}")
    run.objective.eval()
    return run


def load_run(folder: Path) -> Run:
    """The run of a folder, rebuilt from its recipe and arguments, with its newest weights, on the CPU, in eval mode.

    The recipe is a Python program, and this runs it: load folders of people whom you trust, or read `recipe.py` first.
    Weights and settings are never code.

    Raises:
        CheckpointError: no run folder, no checkpoint, damaged, or of another model.
    """
    recipe = kept_recipe(folder)
    remember(recipe)
    with without_pretrained():
        run = recipe.build()
    return restore(run, folder)
