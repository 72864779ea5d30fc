"""Time and memory of contrastive losses: mmssl's tiles beside open_clip's losses and plain torch.

python -m benchmarks.losses                       a few minutes on one core
python -m benchmarks.losses --large               up to 65,536 clips; an hour, and 23 GB for what others hold
python -m benchmarks.losses --only "bags" --rounds 1

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
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.machine import setting
from benchmarks.tables import Row, markdown, write
from mmssl.modules.cached_gradient import in_chunks
from mmssl.modules.contrast import contrast
from mmssl.modules.scores import Pooled
from mmssl.modules.sigmoid import sigmoid_loss
from mmssl.modules.tiles import Side
from mmssl.objectives.contrastive.info_nce import info_nce
from mmssl.objectives.contrastive.mil_nce import mil_nce_as_released
from mmssl.training.processes import has_bf16

WIDTH, BAG = 512, 5
COMPILED = "torch.compile of log-sum-exps"


class Case(NamedTuple):
    """Ways to one loss; the first is what the others are measured by."""

    ways: dict[str, Callable[[], Tensor]]
    leaves: list[Tensor]  # that get a gradient


def inputs(*shape: int) -> Tensor:
    """Unit vectors `[*shape, WIDTH]`."""
    return functional.normalize(torch.randn(*shape, WIDTH), dim=-1).requires_grad_()


def sides(one: Tensor, other: Tensor) -> tuple[Side, Side]:
    """Rows `[N, E]` and columns `[N, C, E]`, all there, each of its own group."""
    valid, keys = torch.ones(other.shape[:2], dtype=torch.bool), torch.arange(len(one)).unsqueeze(1)
    of_columns = keys.unsqueeze(1).expand(-1, other.shape[1], 1)
    return Side((one.detach()[:, :0], one), valid[:, 0], keys), Side((other,), valid, of_columns)


def pairs(count: int) -> Case:
    """InfoNCE between two embeddings of each clip."""
    from open_clip.loss import ClipLoss

    one, other, scale = inputs(count), inputs(count), torch.tensor(14.3, requires_grad=True)
    theirs = ClipLoss()

    def plain() -> Tensor:
        scores, own = scale * one @ other.T, torch.arange(count)
        return (functional.cross_entropy(scores, own) + functional.cross_entropy(scores.T, own)) / 2

    def sums() -> Tensor:
        scores = scale * one @ other.T
        return (scores.logsumexp(1) + scores.logsumexp(0) - 2 * scores.diagonal()).mean() / 2

    compiled = torch.compile(sums, dynamic=False)
    ways = {
        "open_clip ClipLoss": lambda: theirs(one, other, scale),
        "plain, one product": plain,
        COMPILED: compiled,
        "mmssl": lambda: info_nce(contrast(Pooled(), *sides(one, other.unsqueeze(1)), scale)),
    }
    return Case(ways, [one, other, scale])


def half(count: int) -> Case:
    """As `pairs`, ours under autocast to bfloat16."""
    ways, leaves = pairs(count)

    def ours() -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return ways["mmssl"]()

    return Case({"open_clip ClipLoss": ways["open_clip ClipLoss"], "mmssl, bf16": ours}, leaves)


def questions(count: int) -> Case:
    """The sigmoid loss."""
    from open_clip.loss import SigLipLoss

    one, other, theirs = inputs(count), inputs(count), SigLipLoss()
    scale, bias = torch.tensor(10.0, requires_grad=True), torch.tensor(-10.0, requires_grad=True)
    ways = {
        "open_clip SigLipLoss": lambda: theirs(one, other, scale, bias),
        "mmssl": lambda: sigmoid_loss(Pooled(), *sides(one, other.unsqueeze(1)), scale, bias),
    }
    return Case(ways, [one, other, scale, bias])


def bags(count: int) -> Case:
    """MIL-NCE with 5 captions a clip, both in the form that counts true pairs twice."""
    video, text, scale = inputs(count), inputs(count, BAG), torch.tensor(1.0)

    def published() -> Tensor:
        scores = (video @ text.flatten(0, 1).T).view(count, count, BAG)
        own = (scores * torch.eye(count).unsqueeze(2)).sum(1).logsumexp(1)
        return (torch.cat([scores, scores.transpose(0, 1)], 1).flatten(1).logsumexp(1) - own).mean()

    ways = {
        "rows and columns joined": published,
        "mmssl": lambda: mil_nce_as_released(contrast(Pooled(), *sides(video, text), scale)),
    }
    return Case(ways, [video, text])


def between(count: int) -> Case:
    """InfoNCE of `count` clips on each process."""
    from open_clip.loss import ClipLoss

    one, other, scale = inputs(count), inputs(count), torch.tensor(14.3, requires_grad=True)
    rank, world = torch.distributed.get_rank(), torch.distributed.get_world_size()
    everything = ClipLoss(gather_with_grad=True, rank=rank, world_size=world)
    local = ClipLoss(local_loss=True, gather_with_grad=True, rank=rank, world_size=world)
    one_side, other_side = sides(one, other.unsqueeze(1))
    keys = one_side.keys + rank * count
    both = one_side._replace(keys=keys), other_side._replace(keys=keys.unsqueeze(1))
    ways = {
        "open_clip, local loss and gather": lambda: local(one, other, scale),
        "open_clip, gather": lambda: everything(one, other, scale),
        "mmssl ring": lambda: info_nce(contrast(Pooled(), *both, scale)),
    }
    return Case(ways, [one, other])  # a process's part of the gradient to the scale depends on how the work is shared


def cached(count: int) -> Case:
    """A loss over `count` clips through a transformer, all at once or in chunks."""
    layer = nn.TransformerEncoderLayer(192, 6, 768, dropout=0.0, batch_first=True, norm_first=True)
    model = nn.TransformerEncoder(layer, 4, enable_nested_tensor=False)
    tokens, others = torch.randn(count, 64, 192), inputs(count).detach()[:, :192]

    def represent(part: Tensor) -> dict[str, Tensor]:
        return {"clip": functional.normalize(model(part).mean(1), dim=-1)}

    def loss(size: int) -> Tensor:
        clips = in_chunks(represent, (tokens,), size)["clip"]
        return info_nce(contrast(Pooled(), *sides(clips, others.unsqueeze(1)), torch.tensor(14.3)))

    ways = {"all at once": lambda: loss(0), "chunks of 64": lambda: loss(64), "chunks of 16": lambda: loss(16)}
    return Case(ways, list(model.parameters()))


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
    "bags": Family(bags, [1024, 4096], [8192]),
    "between processes": Family(between, [1024, 4096], [8192], processes=2),
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


def seconds(case: Case, names: list[str], rounds: int) -> dict[str, list[float]]:
    """Of each way in each round, after one that does not count; all processes take one order."""
    spent, order = {name: list[float]() for name in names}, random.Random(0)
    for number in range(rounds + 1):
        for name in order.sample(names, len(names)):
            once = step(case, name)
            if number:
                spent[name].append(once)
    return spent


def error(case: Case, names: list[str]) -> dict[str, float]:
    """Distance of each way's gradient from the first's, as a share of its length."""
    found = {}
    for name in names:
        step(case, name)
        found[name] = torch.cat([leaf.grad.flatten() for leaf in case.leaves if leaf.grad is not None])
    first = found[names[0]]
    return {name: float((gradient - first).norm() / first.norm()) for name, gradient in found.items()}


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
        found = [seconds(case, names, asked.rounds), error(case, names)]
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
