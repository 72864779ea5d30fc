"""One process of two: `one_of_two.py RANK FOLDER` writes each objective's loss and gradient under DDP on its half.

A script rather than a function that is spawned, because pytest's importlib mode gives test files no importable name.
"""

import runpy
import sys
from pathlib import Path

import torch
from torch import distributed
from torch.nn.parallel import DistributedDataParallel


def main(rank: int, folder: Path) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=(folder / "meeting").as_uri(), rank=rank, world_size=2)
    shared = runpy.run_path(str(Path(__file__).with_name("conftest.py")))
    results = {}
    for cls in shared["found"]():
        for kind in ("sample", "with_holes", "one_sided"):
            batch = shared[kind](8)[4 * rank : 4 * rank + 4]
            objective = shared["build"](cls)
            # Kept alive in a name: without its wrapper the backward pass averages nothing.
            averaged = DistributedDataParallel(objective)
            loss, terms = averaged(batch)
            loss.backward()
            gradients = {name: p.grad for name, p in objective.named_parameters()}
            results[f"{cls.__name__} {kind}"] = (loss.detach(), terms, gradients)
    torch.save(results, folder / f"{rank}.pt")
    distributed.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
