"""Time and memory of contrastive losses: mmssl's tiles beside open_clip's losses and plain torch.

python -m benchmarks.losses                       some minutes on one core
python -m benchmarks.losses --large               up to 65,536 clips; an hour, and 23 GB for what others hold
python -m benchmarks.losses --only bags --rounds 1

Forward and backward over embeddings of 512 numbers. Seconds are those of one processor core, the median of interleaved
rounds; a ratio is the median of each round's. Memory is the highest of a fresh process above its inputs, gradients
included. "Between processes" is one of two processes of gloo; "gradient cache" is a transformer of 4 layers of width
192 over 64 tokens, batch 256.
"""

import argparse
import ctypes
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from benchmarks.loss_cases import COMPILED, Case, bags, between, cached, half, pairs, questions
from benchmarks.machine import setting
from benchmarks.tables import Row, markdown, write
from mmssl.training.processes import has_bf16


class Family(NamedTuple):
    """One loss."""

    build: Callable[[int], Case]
    sizes: list[int]
    large: list[int]
    processes: int = 1


FAMILIES = {
    "InfoNCE": Family(pairs, [1024, 4096, 8192], [16384, 32768, 65536]),
    "InfoNCE, bf16": Family(half, [1024], [8192]),
    "sigmoid": Family(questions, [1024, 4096], [8192, 16384]),
    "bags": Family(bags, [1024, 2048, 4096], [8192]),
    "between processes": Family(between, [1024, 2048, 4096], [8192], processes=2),
    "gradient cache": Family(cached, [256], []),
}
HELD = 16384  # above it only mmssl runs: a matrix of all pairs does not fit


def step(case: Case, way: str) -> float:
    """One pass forward and backward; its processor seconds."""
    for leaf in case.leaves:
        leaf.grad = None
    begin = time.process_time()
    torch.autograd.backward(case.ways[way]())
    return time.process_time() - begin


def compared(case: Case, names: list[str], rounds: int) -> tuple[dict[str, list[float]], dict[str, float]]:
    """Seconds of each way in each round, after one for the gradients; all processes take one order.

    With them the distance of each way's gradient from the first's, as a share of its length.
    """
    found, spent, order = dict[str, Tensor](), {name: list[float]() for name in names}, random.Random(0)
    for name in names:
        step(case, name)
        found[name] = torch.cat([leaf.grad.flatten() for leaf in case.leaves if leaf.grad is not None])
    for _ in range(rounds):
        for name in order.sample(names, len(names)):
            spent[name].append(step(case, name))
    first = found[names[0]]
    return spent, {name: float((gradient - first).norm() / first.norm()) for name, gradient in found.items()}


def resident(name: str) -> float:
    """`VmRSS` or `VmHWM` of this process in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) * 1024 / 1e6


def memory(family: Family, count: int, way: str) -> float:
    """The highest during one step above what lay there before, in MB."""
    case = family.build(count)
    # So that libraries are loaded; what is compiled, is compiled for one size.
    step(case if way == COMPILED else family.build(128), way)
    for leaf in case.leaves:
        leaf.grad = None
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")  # the highest so far is forgotten
    before = resident("VmRSS")
    step(case, way)
    return resident("VmHWM") - before


def child(asked: argparse.Namespace) -> None:
    """One of the processes that measure; the first prints what it found."""
    torch.set_num_threads(1)
    torch.manual_seed(asked.rank)
    family, rank = FAMILIES[asked.family], asked.rank
    if family.processes > 1:
        meeting = Path(asked.meeting).as_uri()
        torch.distributed.init_process_group("gloo", init_method=meeting, rank=rank, world_size=family.processes)
    if asked.way:
        found: object = memory(family, asked.count, asked.way)
    else:
        case = family.build(asked.count)
        names = [name for name in case.ways if asked.count <= HELD or name.startswith("mmssl")]
        found = compared(case, names, asked.rounds)
    if rank == 0:
        print(json.dumps(found))
    if family.processes > 1:
        torch.distributed.destroy_process_group()


def start(name: str, count: int, rounds: int, way: str = "") -> Any:
    """What fresh processes find."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "benchmarks.losses", "--family", name, "--count", str(count), "--way", way]
        command += ["--rounds", str(rounds), "--meeting", f"{folder}/meeting", "--rank"]
        ranks = range(FAMILIES[name].processes)
        # Each tensor gets pages of its own and gives them back, so that what is resident is what is held.
        environment = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "65536"} if way else None
        started = [
            subprocess.Popen([*command, str(rank)], stdout=subprocess.PIPE, text=True, env=environment)
            for rank in ranks
        ]
        printed = [process.communicate()[0] for process in started]
    if any(process.returncode for process in started):
        raise SystemExit(f"{name} of {count}: a process failed")
    return json.loads(printed[0].splitlines()[-1])


def rows(name: str, count: int, rounds: int) -> Iterator[Row]:
    """The lines of one loss at one size."""
    spent, errors = start(name, count, rounds)
    held = {way: start(name, count, rounds, way) for way in spent}
    first = next(iter(spent))
    for way, each in spent.items():
        yield {
            "loss": name,
            "clips a process": count,
            "way": way,
            "CPU s": statistics.median(each),
            "times as fast": statistics.median(a / b for a, b in zip(spent[first], each, strict=True)),
            "peak MB": held[way],
            "of its memory": held[way] / held[first],
            "gradient error": errors[way],
        }


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", default=list(FAMILIES), choices=list(FAMILIES), metavar="LOSS")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--large", action="store_true", help="also sizes of minutes and many GB")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/losses"))
    for name, kind in (("family", str), ("count", int), ("way", str), ("meeting", str), ("rank", int)):
        parser.add_argument(f"--{name}", type=kind, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.family:
        child(asked)
        return
    torch.set_num_threads(1)
    facts, found = setting(torch.device("cpu"), "open-clip-torch"), list[Row]()
    facts["bf16 in hardware"] = str(has_bf16(torch.device("cpu")))
    for name in asked.only:
        family = FAMILIES[name]
        for count in family.sizes + (family.large if asked.large else []):
            lines = list(rows(name, count, asked.rounds))
            print(markdown(lines), flush=True)
            found += lines
            write(asked.out, facts, found)


if __name__ == "__main__":
    main()
