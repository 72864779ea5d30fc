"""Clips a second of training, share of the time spent waiting for data, memory, and how busy the GPU's cores are.

python -m benchmarks.training --out benchmarks/results/training            all setups, on a GPU where there is one
python -m benchmarks.training --setups quickstart --steps 4 --batch-size 8

Two figures a setup. "fed": the real loop with files, workers, optimizer and log, as `mmssl train` runs it, over the
synthetic world. "compute": the same step on one batch that is on the device already: what the loop could reach if data
cost nothing; in bf16 convolutions lie channels last, as the loop lays them. MFU is the compute figure's share of the
device's data sheet in bf16, counting forward and backward multiplications of matrices and convolutions as they are run.
"""

import argparse
import csv
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.machine import peak, setting
from benchmarks.tables import Row, markdown, write
from mmssl.batch import Batch
from mmssl.data.loader import training_batches
from mmssl.data.synthetic.generate import World, synthesize
from mmssl.run import Run
from mmssl.training.layout import lay_channels_last
from mmssl.training.loop import train
from mmssl.training.optimizer import make_optimizer
from mmssl.training.processes import find_device
from mmssl.training.recipe import Argument, Recipe
from mmssl.training.recompute import recompute

RECIPES = Path(__file__).parents[1] / "recipes"


@dataclass(frozen=True)
class Setup:
    """One row of the table."""

    recipe: str
    batch_size: int
    precision: str = "bf16"
    compile: bool = False
    recompute: bool = False

    def build(self, data: Path, steps: int, batch_size: int, workers: int) -> Run:
        """The run, from the recipe as users get it."""
        size = batch_size or self.batch_size
        arguments: dict[str, Argument] = {"data": str(data), "steps": steps, "batch_size": size}
        run = Recipe(RECIPES / f"{self.recipe}.py", arguments).build()
        plan = replace(run.optimization, precision=self.precision, compile=self.compile)
        return replace(
            run, optimization=plan, workers=workers, save_every=steps, evaluations={}, recompute=self.recompute
        )


R2PLUS1D = "info_nce_audio_video"
SETUPS: dict[str, Setup] = {
    "quickstart": Setup("quickstart", 64, "fp32"),
    "quickstart bf16": Setup("quickstart", 64),
    "quickstart bf16 compile": Setup("quickstart", 64, compile=True),
    "R(2+1)D-18 16x112 fp32": Setup(R2PLUS1D, 64, "fp32"),
    "R(2+1)D-18 16x112 bf16": Setup(R2PLUS1D, 64),
    "R(2+1)D-18 16x112 bf16 recompute": Setup(R2PLUS1D, 64, recompute=True),
    "R(2+1)D-18 16x112 bf16 compile": Setup(R2PLUS1D, 64, compile=True),
}


def fed(run: Run, device: torch.device, warm: int) -> dict[str, float]:
    """Medians over the steps after the first `warm`, as the loop itself logs them."""
    with tempfile.TemporaryDirectory() as folder:
        train(run, Path(folder) / "run", device=str(device))
        with (Path(folder) / "run" / "log.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))[warm:]
    return {name: statistics.median(float(row[name]) for row in rows) for name in ("clips_per_second", "data_wait")}


def stepper(run: Run, device: torch.device) -> Callable[[Batch], None]:
    """One step of training, without log and data."""
    objective, plan = run.objective.to(device).train(), run.optimization
    if plan.precision == "bf16":
        lay_channels_last(objective)
    if run.recompute:
        recompute(objective.units())
    optimizer = make_optimizer(objective, plan)
    if plan.compile:
        objective.compile()

    def step(batch: Batch) -> None:
        with torch.autocast(device.type, torch.bfloat16, enabled=plan.precision == "bf16"):
            loss, _ = objective(batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(objective.parameters(), plan.clip_norm)
        optimizer.step()
        optimizer.zero_grad()

    return step


def spent(device: torch.device, work: Callable[[], None]) -> float:
    """Seconds of something: between two events on the GPU, whatever the processor does meanwhile, or of the clock."""
    if device.type != "cuda":
        begin = time.perf_counter()
        work()
        return time.perf_counter() - begin
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
    start.record()
    work()
    end.record()
    end.synchronize()
    return float(start.elapsed_time(end)) / 1000


def flops(run: Run, batch: Batch) -> int:
    """Of one forward and backward pass, before anything is compiled."""
    with FlopCounterMode(display=False) as counter:
        loss, _ = run.objective.to(batch.index.device).train()(batch)
        loss.backward()
    run.objective.zero_grad()
    total: int = counter.get_total_flops()
    return total


def compute(run: Run, device: torch.device, batch: Batch, steps: int, warm: int) -> float:
    """Clips a second of the step alone, the median step."""
    step = stepper(run, device)
    seconds = [spent(device, lambda: step(batch)) for _ in range(warm + steps)]
    return len(batch) / statistics.median(seconds[warm:])


def measure(name: str, data: Path, device: torch.device, asked: argparse.Namespace) -> Row:
    """Both figures of one setup."""
    setup, total = SETUPS[name], asked.steps + asked.warm

    def build() -> Run:
        return setup.build(data, total, asked.batch_size, asked.workers)

    torch.compiler.reset()
    run = build()
    batch = next(training_batches(run.data.open(), batch_size=run.batch_size, seed=0)).to(device)
    per_clip = flops(build(), batch) / len(batch)
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
    reached = compute(build(), device, batch, asked.steps, asked.warm)
    memory = torch.cuda.max_memory_allocated(device) / 2**30 if device.type == "cuda" else None
    loop = fed(run, device, asked.warm)
    best = peak(device)
    return {
        "setup": name,
        "batch": run.batch_size,
        "workers": run.workers,
        "fed clips/s": loop["clips_per_second"],
        "data wait": loop["data_wait"],
        "compute clips/s": reached,
        "peak GiB": memory,
        "GFLOP a clip": per_clip / 1e9,
        "MFU": None if best is None or setup.precision != "bf16" else reached * per_clip / (best * 1e12),
    }


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--setups", nargs="*", default=list(SETUPS), choices=list(SETUPS), metavar="NAME")
    parser.add_argument("--data", type=Path, help="recordings; a synthetic world is made when absent")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/training"))
    parser.add_argument("--device", default="auto")
    parser.add_argument("--steps", type=int, default=30, help="that count")
    parser.add_argument("--warm", type=int, default=10, help="that do not, before them")
    parser.add_argument("--batch-size", type=int, default=0, help="instead of the setups' own")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--clips", type=int, default=512, help="of the world that is made")
    asked = parser.parse_args()
    device = find_device(asked.device)
    facts, rows = setting(device, "av"), list[Row]()
    with tempfile.TemporaryDirectory() as folder:
        if asked.data is None:
            synthesize(Path(folder), asked.clips, splits={"train": 1}, world=World(), workers=asked.workers)
        for name in asked.setups:
            rows.append(measure(name, asked.data or Path(folder) / "train", device, asked))
            print(markdown(rows[-1:]), flush=True)
            write(asked.out, facts, rows)
    print(f"on {facts['device']}; {asked.out.with_suffix('.md')} has the table")


if __name__ == "__main__":
    main()
