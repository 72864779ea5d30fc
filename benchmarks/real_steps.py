"""Two steps of a recipe on real clips: they show that the path works there, and nothing about what is learnt."""

import csv
import json
import tempfile
from pathlib import Path

from benchmarks.proof import RECIPES, Proof
from benchmarks.proving import Prover, filled
from mmssl.training.loop import train
from mmssl.training.recipe import Recipe

_STEPS = 2


def two_steps(proof: Proof, data: str, prover: Prover) -> dict[str, float | str]:
    """The loss of both steps; what cannot be read is named on the way."""
    arm = next(arm for arm in proof.arms if arm.trained)
    places = {"train": data, "world": data} | {other.name: "" for other in proof.arms}
    arguments = {name: filled(value, places) for name, value in arm.arguments.items()}
    recipe = Recipe(RECIPES / f"{arm.recipe}.py", {**arguments, "data": data, "steps": _STEPS, "batch_size": 8})
    run = recipe.build()
    run.evaluations, run.workers, run.skip_limit = {}, 1, 1.0
    with tempfile.TemporaryDirectory() as folder:
        train(run, Path(folder) / "run", device=prover.device, recipe=recipe)
        rows = list(csv.DictReader((Path(folder) / "run" / "log.csv").open(encoding="utf-8")))
    found: dict[str, float | str] = {"recipe": arm.recipe, "batch_size": 8}
    found |= {f"loss of step {number}": float(row["loss"]) for number, row in enumerate(rows, 1)}
    print(proof.objective, found, flush=True)
    return found


def keep_real(out: Path, name: str, found: dict[str, float | str]) -> None:
    """`OUT/NAME.real.json`."""
    (out / f"{name}.real.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
