"""Train and measure the arms of a proof, on one thread, and keep what came out with seconds, seed and commit."""

import json
import resource
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from benchmarks.machine import setting
from benchmarks.proof import RECIPES, Arm, Proof
from mmssl.applications.model import Model
from mmssl.training.loop import train
from mmssl.training.recipe import Argument, Recipe

Told = dict[str, object]


def cpu_seconds() -> float:
    """Of this process and of those of its children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


@dataclass(frozen=True)
class Prover:
    """Where worlds and runs are.

    Attributes:
        worlds: rendered worlds; those that are there are taken.
        runs: run folders are made in it.
        device: auto, cpu or cuda.
    """

    worlds: Path
    runs: Path
    device: str = "auto"

    def prove(self, proof: Proof, only: str = "") -> list[Told]:
        """Each arm's numbers; of one arm alone where `only` names it."""
        world = proof.films.made(self.worlds)
        chosen = [arm for arm in proof.arms if only in ("", arm.name)]
        return [self._arm(proof, arm, world) for arm in chosen]

    def _arm(self, proof: Proof, arm: Arm, world: Path) -> Told:
        found, seconds = [], []
        for seed in arm.seeds:
            before = cpu_seconds()
            model = self._trained(arm, world, seed)
            seconds.append(cpu_seconds() - before)
            numbers = dict(proof.measured_by(model, world))
            shown = {
                name: value
                for name, value in numbers.items()
                if any(
                    name in (wanted, f"{wanted}/chance", f"{wanted}/low", f"{wanted}/high") for wanted in proof.numbers
                )
            }
            missing = set(proof.numbers) - set(shown)
            if missing:
                raise SystemExit(f"{arm.name}: no {', '.join(sorted(missing))} among {', '.join(numbers)}")
            found.append(shown)
            print(
                arm.name,
                f"seed {seed}, {seconds[-1]:.0f} CPU s:",
                {n: round(v, 3) for n, v in shown.items()},
                flush=True,
            )
        mean = {name: sum(numbers[name] for numbers in found) / len(found) for name in found[0]}
        told: Told = {"arm": arm.name, "recipe": arm.recipe, "arguments": dict(arm.arguments), "data": arm.data}
        told |= {"seeds": list(arm.seeds), "cpu_seconds": round(sum(seconds) / len(seconds)), "numbers": mean}
        if len(found) > 1:
            told["each"] = found
        return told

    def _trained(self, arm: Arm, world: Path, seed: int) -> Model:
        names = {path.name: str(path) for path in self.runs.iterdir()} if self.runs.is_dir() else {}
        places = {"train": str(world / "train"), "world": str(world), **names}
        arguments: dict[str, Argument] = {name: filled(value, places) for name, value in arm.arguments.items()}
        recipe = Recipe(RECIPES / f"{arm.recipe}.py", {**arguments, "data": arm.data.format(**places), "seed": seed})
        run = recipe.build()
        run.evaluations, run.save_every, run.workers = {}, run.steps, 1
        if not arm.trained:
            return Model(run, torch.device("cpu"))
        folder = self.runs / (arm.name if seed == arm.seeds[0] else f"{arm.name}-{seed}")
        train(run, folder, device=self.device, recipe=recipe)
        return Model(run, next(run.objective.parameters()).device, folder)


def filled(value: Argument, places: Mapping[str, str]) -> Argument:
    """A recipe's argument with the folders it names."""
    return value.format(**places) if isinstance(value, str) else value


def keep(out: Path, name: str, proof: Proof, arms: list[Told]) -> None:
    """`OUT/NAME.json`."""
    out.mkdir(parents=True, exist_ok=True)
    told = {
        "proof": {field: getattr(proof, field) for field in ("family", "objective", "paper", "file", "hook", "says")},
        "setting": {**setting(torch.device("cpu")), "world": proof.films.name},
        "arms": arms,
    }
    (out / f"{name}.json").write_text(json.dumps(told, indent=1, default=str) + "\n", encoding="utf-8")
