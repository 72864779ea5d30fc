"""A hundred steps of an objective on real clips: whether its loss falls there, and nothing about what is general.

The clips are few and seen again and again. Numbers are means over the first and the last ten steps. So that decoding
does not take most of the time, pack what `datasets/real_clips/prepare.py` lists before:

mmssl pack clips.csv --out real --reencode fast --short-side 128; python -m benchmarks.proofs NAME --real real
"""

import csv
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path

import torch

from benchmarks.machine import setting
from benchmarks.proof import RECIPES, Arm, Proof
from benchmarks.proving import Prover, cpu_seconds, filled
from mmssl.training.loop import train
from mmssl.training.recipe import Recipe

_STEPS, _MEAN = 100, 10


def on_real(proof: Proof, name: str, data: str, prover: Prover) -> dict[str, object]:
    """Loss and accuracies, if it has any, of the arm with the objective's own recipe; what cannot be read is named.

    Args:
        proof: of the objective.
        name: of the proof.
        data: folder, manifest or shards of real clips.
        prover: says where to compute.
    """
    number = next((n for n, arm in enumerate(proof.arms) if arm.recipe == name), 0)
    own, before = proof.arms[number], cpu_seconds()
    with tempfile.TemporaryDirectory() as folder:
        runs = Path(folder)
        for arm in proof.arms[: number + 1]:  # an arm may begin from the run of one before it
            _trained(arm, data, runs, prover)
        rows = list(csv.DictReader((runs / own.name / "log.csv").open(encoding="utf-8")))
    told = {
        term: [_mean(rows[:_MEAN], term), _mean(rows[-_MEAN:], term)]
        for term in rows[0]
        if term == "loss" or term.endswith("accuracy")
    }
    print(proof.objective, told, flush=True)
    arguments = {"recipe": own.recipe, "arguments": dict(own.arguments), "steps": _STEPS}
    return {**setting(torch.device("cpu")), **arguments, "cpu_seconds": round(cpu_seconds() - before), "numbers": told}


def _trained(arm: Arm, data: str, runs: Path, prover: Prover) -> None:
    places = {"train": data, "world": data} | {path.name: str(path) for path in runs.iterdir()}
    arguments = {name: filled(value, places) for name, value in arm.arguments.items()}
    recipe = Recipe(RECIPES / f"{arm.recipe}.py", {**arguments, "data": data, "steps": _STEPS, "batch_size": 16})
    run = recipe.build()
    run.evaluations, run.save_every, run.workers, run.skip_limit = {}, _STEPS, 1, 1.0
    train(run, runs / arm.name, device=prover.device, recipe=recipe)


def _mean(rows: list[dict[str, str]], term: str) -> float:
    return sum(float(row[term]) for row in rows) / len(rows)


def keep_real(out: Path, name: str, found: Mapping[str, object]) -> None:
    """`OUT/NAME.real.json`."""
    (out / f"{name}.real.json").write_text(json.dumps(found, indent=1, default=str) + "\n", encoding="utf-8")
