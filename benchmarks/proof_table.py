"""The table of all proofs, from what their runs left."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.proof import Proof

_HEAD = ("family", "objective", "paper", "file", "recipe", "hook", "metric", "chance", "synthetic world", "CPU min")


def table(proofs: Mapping[str, Proof], results: Path) -> str:
    """One line an arm and number; a proof that was not run says so."""
    lines = [_HEAD, ("---",) * len(_HEAD)]
    for name, proof in sorted(proofs.items(), key=lambda item: (item[1].family, item[0])):
        path = results / f"{name}.json"
        told = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"arms": []}
        about = (proof.family, proof.objective, proof.paper, f"`{proof.file}`")
        lines += [_line(proof, about, arm, number) for arm in told["arms"] for number in proof.numbers]
        if not told["arms"]:
            lines.append((*about, f"`{proof.arms[0].recipe}`", proof.hook, "not run", "", "", ""))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _line(proof: Proof, about: tuple[str, ...], arm: Mapping[str, Any], number: str) -> tuple[str, ...]:
    numbers, seeds = arm["numbers"], arm["seeds"]
    value = f"{numbers[number]:.3f}"
    if f"{number}/low" in numbers and len(seeds) == 1:
        value += f" [{numbers[f'{number}/low']:.2f}-{numbers[f'{number}/high']:.2f}]"
    if len(seeds) > 1:
        each = [one[number] for one in arm["each"]]
        value += f" ({min(each):.2f}-{max(each):.2f}, {len(seeds)} seeds)"
    chance = f"{numbers[f'{number}/chance']:.3f}" if f"{number}/chance" in numbers else "–"
    minutes = f"{arm['cpu_seconds'] / 60:.1f}"
    return (*about, f"`{arm['recipe']}` {arm['arm']}", proof.hook, number, chance, value, minutes)
