"""One process of some: `one_of_many.py RANK WORLD FOLDER` writes each objective's loss and gradient on its part.

A script rather than a function that is spawned, because pytest's importlib mode gives test files no importable name.
"""

import runpy
import sys
from pathlib import Path

import torch
from torch import distributed
from torch.nn.parallel import DistributedDataParallel


def main(rank: int, world: int, folder: Path) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=(folder / "meeting").as_uri(), rank=rank, world_size=world)
    shared = runpy.run_path(str(Path(__file__).with_name("conftest.py")))
    part = slice(8 // world * rank, 8 // world * (rank + 1))
    results = {}
    for cls in shared["found"]():
        for kind in ("sample", "with_holes", "one_sided", "in_chunks"):
            objective = shared["build"](cls)
            if kind == "in_chunks":
                if objective.chunk is None:
                    continue
                objective.chunk = 1
            # Kept alive in a name: without its wrapper the backward pass averages nothing.
            averaged = DistributedDataParallel(objective)
            loss, terms = averaged(shared.get(kind, shared["with_holes"])(8)[part])
            loss.backward()
            gradients = {name: p.grad for name, p in objective.named_parameters() if p.grad is not None}
            results[f"{cls.__name__} {kind}"] = (loss.detach(), terms, gradients)
    for name in shared["PAIR_LOSSES"]:
        results[name] = shared["pair_loss"](name, part)
    results["locked"] = shared["locked_bits"](part)
    torch.save(results, folder / f"{rank}.pt")
    distributed.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
