"""Words to picture on real captioned clips: those that were trained on, which is memory, and those that were not.

python datasets/real_clips/prepare.py --annotations realdata/MANIFEST.csv --videos realdata/av --out clips.csv
python -m benchmarks.real_captions clips.csv                 writes results/real_captions.json

Three windows of each clip are decoded once. Every fourth recording is held out; of a hundred recordings nothing
general can be learnt, and the numbers say so. Clips with an equal caption are right answers.
"""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from benchmarks.machine import setting
from benchmarks.proof import RECIPES
from benchmarks.proving import cpu_seconds
from mmssl.batch import Batch
from mmssl.data.loader import evaluation_batches
from mmssl.data.skipped import Skipped
from mmssl.data.window import EvenWindows
from mmssl.evaluate.interval import described
from mmssl.evaluate.ranks import ExpectedTies, place_embeddings, same
from mmssl.modules.negatives import caption_numbers
from mmssl.objective import Objective
from mmssl.training.recipe import Recipe

OUT = Path(__file__).parent / "results" / "real_captions.json"
WINDOWS = 3


def rows(batch: Batch, chosen: Tensor) -> Batch:
    """Some clips of a batch."""
    return Batch(keys=None, **{name: tensor[chosen] for name, tensor in batch.tensors()})


def learn(objective: Objective, batch: Batch, steps: int, lr: float, size: int = 32) -> None:
    """AdamW with a linear rate, each step on `size` clips drawn anew."""
    optimizer = torch.optim.AdamW(objective.parameters(), lr, weight_decay=0.0)
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = lr * min((step + 1) / 20, 1 - step / steps)
        loss, _ = objective.train()(rows(batch, torch.randperm(len(batch))[:size]))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(objective.parameters(), 1.0)
        optimizer.step()
        objective.after_step(step / steps)


@torch.no_grad()
def measured(objective: Objective, batch: Batch) -> Mapping[str, float]:
    """R@1 and R@10 of words to picture."""
    vectors, said = objective.eval().embed(batch), caption_numbers(batch.text)[:, 0]
    places, numbers = place_embeddings(vectors["text"], vectors["video"], same(said, said)), {"clips": float(len(said))}
    for k in (1, 10):
        chance = float(ExpectedTies().hit(places.chance(), k).mean())
        numbers |= described(f"text-video/R@{k}", ExpectedTies().hit(places, k), chance=chance)
    return numbers


def main() -> None:
    """See the top of this file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("--recipe", default="mil_nce")
    parser.add_argument("--steps", type=int, default=200)
    args = parser.parse_args()
    torch.set_num_threads(1)
    before = cpu_seconds()
    small = {"frames": 4, "pixels": 56, "width": 16, "captions": 1, "data": args.data}
    run = Recipe(RECIPES / f"{args.recipe}.py", small).build()
    opened, skipped = run.data.open().with_settings(window=EvenWindows(WINDOWS)), Skipped(limit=1.0)
    (batch,) = evaluation_batches(opened, len(opened), skipped=skipped)
    batch = rows(batch, batch.valid("text").nonzero()[:, 0])
    print(f"{len(batch)} windows; {len(skipped.reasons)} recordings cannot be read", flush=True)
    held_out = batch.index % 4 == 0
    between = (batch.index[1:-1] == batch.index[:-2]) & (batch.index[1:-1] == batch.index[2:])
    middle = functional.pad(between, (1, 1))  # of three windows
    torch.manual_seed(0)
    learn(run.objective, rows(batch, (~held_out).nonzero()[:, 0]), args.steps, 5e-3)
    found = {
        name: measured(run.objective, rows(batch, (part & middle).nonzero()[:, 0]))
        for name, part in (("trained on", ~held_out), ("held out", held_out))
    }
    print(json.dumps(found, indent=1))
    result = {"setting": setting(torch.device("cpu")), "recipe": args.recipe, "steps": args.steps, "seed": 0}
    result |= {"unreadable": len(skipped.reasons), "cpu_seconds": round(cpu_seconds() - before), "numbers": found}
    OUT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
