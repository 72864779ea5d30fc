"""The tables of all proofs, from what their runs left."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.proof import Proof

_HEAD = (
    "family",
    "objective",
    "paper",
    "file",
    "recipe",
    "hooks",
    "metric",
    "chance",
    "synthetic world",
    "CPU min, seeds",
    "real clips, 100 steps",
)
_ARMS = ("proof", "arm", "metric", "chance", "measured", "95 %, or least and most", "seeds", "CPU min")


def objectives(proofs: Mapping[str, Proof], results: Path) -> str:
    """One line an objective: the first number of its first arm."""
    lines = []
    for name, proof in sorted(proofs.items(), key=lambda item: (item[1].family, item[0])):
        about = (proof.family, proof.objective, proof.paper, f"`{proof.file}`")
        told, real = _told(results / f"{name}.json"), _told(results / f"{name}.real.json")
        seen = list(real.get("numbers", {}).items())[:2]  # the loss and one accuracy
        steps = ", ".join(f"{term.replace('_', ' ')} {begin:.3g} → {end:.3g}" for term, (begin, end) in seen)
        if told:
            # Of LiT the first arm is the training that its tower comes from.
            arm = next((arm for arm in told["arms"] if arm["recipe"] == name), told["arms"][0])
            lines.append((*about, f"`{arm['recipe']}`", proof.hook, *_shown(arm, proof.numbers[0]), steps))
        else:
            lines.append((*about, f"`{proof.arms[0].recipe}`", proof.hook, "not run", "", "", "", steps))
    return _markdown(_HEAD, lines)


def _shown(arm: Mapping[str, Any], number: str) -> tuple[str, ...]:
    value, chance, _ = _value(arm, number)
    seeds = ", ".join(str(seed) for seed in arm["seeds"])
    return number.removeprefix("retrieval/"), chance, value, f"{arm['cpu_seconds'] / 60:.1f}, {seeds}"


def arms(proofs: Mapping[str, Proof], results: Path) -> str:
    """One line an arm and number, under what the proof is to show."""
    blocks = []
    for name, proof in sorted(proofs.items()):
        if told := _told(results / f"{name}.json"):
            where = f"{told['setting']['world']}, commit {told['setting']['commit'][:10]}"
            lines = [_line(name, arm, number) for arm in told["arms"] for number in proof.numbers]
            blocks.append(f"**{proof.objective}**: {proof.says} (world {where})\n\n{_markdown(_ARMS, lines)}")
    return "\n\n".join(blocks)


def _line(name: str, arm: Mapping[str, Any], number: str) -> tuple[str, ...]:
    value, chance, span = _value(arm, number)
    seeds = ", ".join(str(seed) for seed in arm["seeds"])
    return name, arm["arm"], number, chance, value, span, seeds, f"{arm['cpu_seconds'] / 60:.1f}"


def _value(arm: Mapping[str, Any], number: str) -> tuple[str, str, str]:
    """A number, what chance gives, and its interval, or the range over seeds where there are several."""
    numbers = arm["numbers"]
    if math.isnan(numbers[number]):
        return "–", "–", ""
    chance = f"{numbers[f'{number}/chance']:.3f}" if f"{number}/chance" in numbers else "–"
    span = ""
    if len(arm["seeds"]) > 1:
        each = [one[number] for one in arm["each"]]
        span = f"{min(each):.3f} to {max(each):.3f}"
    elif f"{number}/low" in numbers:
        span = f"{numbers[f'{number}/low']:.3f} to {numbers[f'{number}/high']:.3f}"
    return f"{numbers[number]:.3f}", chance, span


def _told(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def _markdown(head: tuple[str, ...], lines: list[tuple[str, ...]]) -> str:
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, ("---",) * len(head), *lines))
