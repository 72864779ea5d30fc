"""One process of some: `memory_of_many.py RANK WORLD FOLDER` writes AVID-CMA's losses and state after two steps."""

import runpy
import sys
from pathlib import Path

import torch
from torch import distributed


def main(rank: int, world: int, folder: Path) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=(folder / "meeting").as_uri(), rank=rank, world_size=world)
    shared = runpy.run_path(str(Path(__file__).with_name("conftest.py")))
    objective = runpy.run_path(str(Path(__file__).with_name("test_avid_cma.py")))["small"](shared["TINY"])
    batch, losses = shared["with_holes"](8)[slice(8 // world * rank, 8 // world * (rank + 1))], []
    for step in range(2):
        objective.refresh([])
        losses.append(objective(batch)[0].detach())
        objective.after_step(step / 2)
    torch.save({"losses": torch.stack(losses), "state": objective.state_dict()}, folder / f"{rank}.pt")
    distributed.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
