"""Seconds and memory of contrastive losses on a GPU, in fp32 and under autocast to bf16, beside open_clip's.

python -m benchmarks.losses_gpu                                   1,024 to 65,536 clips; two minutes
python -m benchmarks.losses_gpu --device cpu --counts 256         that it runs, without memory

Forward and backward over embeddings of 512 numbers. Seconds are the median of rounds in which the ways take turns, the
GPU idle before and after; memory is the allocator's highest above the inputs, gradients included. A dash: it did not
fit.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch

from benchmarks.loss_cases import COMPILED, Case, bags, pairs, questions
from benchmarks.machine import setting
from benchmarks.tables import Row, markdown, write
from mmssl.training.processes import find_device

LOSSES: dict[str, Callable[[int], Case]] = {"InfoNCE": pairs, "sigmoid": questions, "bags": bags}


def step(case: Case, way: str, device: torch.device, half: bool) -> tuple[float, float]:
    """Seconds of one pass forward and backward, and the most MB that it held."""
    for leaf in case.leaves:
        leaf.grad = None
    on_gpu = device.type == "cuda"
    before = 0
    if on_gpu:
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        torch.cuda.synchronize(device)
    begin = time.perf_counter()
    with torch.autocast(device.type, torch.bfloat16, enabled=half):
        loss = case.ways[way]()
    torch.autograd.backward(loss)
    if on_gpu:
        torch.cuda.synchronize(device)
    spent = time.perf_counter() - begin
    return spent, (torch.cuda.max_memory_allocated(device) - before) / 1e6 if on_gpu else float("nan")


def measure(name: str, count: int, device: torch.device, rounds: int) -> list[Row]:
    """The rows of one loss at one size; the first way in fp32 is what the others are measured by."""
    case = LOSSES[name](count)
    ways = [(way, half) for half in (False, True) for way in case.ways if way != COMPILED]  # that takes minutes
    seconds: dict[tuple[str, bool], list[float]] = {}
    held: dict[tuple[str, bool], float] = {}
    for number in range(rounds + 1):
        for key in ways if number == 0 else list(seconds):
            try:
                spent, megabytes = step(case, key[0], device, key[1])
            except torch.OutOfMemoryError:
                torch.cuda.empty_cache()
                continue
            if number == 0:
                seconds[key], held[key] = [], megabytes
            else:
                seconds[key].append(spent)
    first = ways[0]
    return [
        {
            "loss": name,
            "clips": count,
            "way": way,
            "format": "bf16" if half else "fp32",
            "ms": 1000 * statistics.median(seconds[way, half]) if (way, half) in seconds else None,
            "times as fast": statistics.median(
                theirs / ours for theirs, ours in zip(seconds[first], seconds[way, half], strict=True)
            )
            if first in seconds and (way, half) in seconds
            else None,
            "peak MB": held.get((way, half)),
            "of its memory": held[way, half] / held[first] if first in held and (way, half) in held else None,
        }
        for way, half in ways
    ]


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--counts", type=int, nargs="*", default=[1024, 4096, 8192, 16384, 32768, 65536])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/losses_gpu"))
    asked = parser.parse_args()
    device, rows = find_device(asked.device), list[Row]()
    torch.set_default_device(device)
    for name in LOSSES:
        for count in asked.counts:
            new = measure(name, count, device, asked.rounds)
            print(markdown(new), flush=True)
            rows += new
            write(asked.out, setting(device, "open-clip-torch"), rows)


if __name__ == "__main__":
    main()
