"""Recall@10 and queries a second of one processor core: mmssl's exact search beside faiss, usearch, hnswlib and torch.

python -m benchmarks.search                         200,000 vectors of 512 numbers, graphs over 20,000
python -m benchmarks.search --rows 1000000 --graphs 0 --budget 20 --rounds 3 --out benchmarks/results/search_1m
                                                    what is stated for a million
python -m benchmarks.search --graphs 200000                   graphs take minutes to build

Three kinds of vectors: `paired` are embeddings of a dual encoder trained here, asked with those of the other modality;
`clustered`; and `isotropic`, where nothing is near to anything. Every round lets each way answer the same queries, in
an order that changes; processor seconds are counted, a figure is the median over rounds, and the ratio to faiss Flat
the median of the ratios of each round. Truth is a product in float64. `share looked at` is that of the rows whose true
product was needed to prove that the answer is exact. Milliseconds are on the clock, of a whole index folder.
"""

import argparse
import gc
import os
import random
import statistics
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmarks.machine import setting
from benchmarks.search_engines import WANTED, Build, Engine, Rows, approximate, exact
from benchmarks.search_worlds import WORLDS
from benchmarks.tables import Row, markdown, write
from mmssl.applications.local_index import LocalIndex
from mmssl.applications.moments import IndexedRecording, Moments

BATCHES = (1, 32)
_TOGETHER = 20_000  # rows of the truth at a time


def truth(vectors: Tensor, queries: Tensor) -> Tensor:
    """The scores in float64 of the best rows, `[Q, WANTED]`: any row that reaches the last of them is right."""
    best = torch.full((len(queries), 0), 0.0, dtype=torch.float64)
    for first in range(0, len(vectors), _TOGETHER):
        scores = queries.double() @ vectors[first : first + _TOGETHER].double().T
        best = torch.cat([best, scores], 1).topk(WANTED).values
    return best


def recall(found: Rows, vectors: Tensor, queries: Tensor, best: Tensor) -> float:
    """Share of the rows found that are among the best, equal scores being equally right."""
    rows = vectors[torch.from_numpy(found).clamp(min=0)].double()
    scores = torch.einsum("qkd,qd->qk", rows, queries.double())
    right = (scores >= best[:, -1:] - 1e-7) & (torch.from_numpy(found) >= 0)
    return float(right.double().mean())


def memory() -> int:
    """Bytes that this process holds."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def measure(world: str, rows: int, ways: Mapping[str, Build], rounds: int, budget: float) -> list[Row]:
    """Each way over the same queries in each round."""
    vectors, queries = WORLDS[world](rows, 32 * rounds)
    best = truth(vectors, queries)
    engines, facts = dict[str, Engine](), dict[str, dict[str, float | None]]()
    with tempfile.TemporaryDirectory() as folder:
        for name, build in ways.items():
            before, begin = memory(), time.process_time()
            engines[name] = build(vectors)
            built = time.process_time() - begin
            engine, path = engines[name], Path(folder) / "stored"
            facts[name] = {"build CPU s": built, "MB in memory": (memory() - before) / 1e6, "MB on disk": None}
            if engine.save is not None:
                engine.save(path)
                facts[name]["MB on disk"] = path.stat().st_size / 1e6
                path.unlink()
    table = list[Row]()
    for batch in BATCHES:
        spent = {name: list[float]() for name in ways}
        found = {name: list[Rows]() for name in ways}
        looked = (engines["mmssl"].looked or int)()
        order, draws, many = list(ways), random.Random(0), 32 // batch if rows < 300_000 else max(1, 8 // batch)
        for number in range(rounds):
            draws.shuffle(order)
            asked = queries[32 * number : 32 * number + batch * many].split(batch)  # type: ignore[no-untyped-call]
            for name in order:
                if number and statistics.median(spent[name]) * batch * many * rounds > budget:
                    continue  # one round of a slow way is enough
                if not number:
                    engines[name].search(asked[0])
                begin = time.process_time()
                found[name] += [engines[name].search(some) for some in asked]
                spent[name].append((time.process_time() - begin) / (batch * many))
        looked = (engines["mmssl"].looked or int)() - looked
        for name in ways:
            kept = [32 * number + place for number in range(len(spent[name])) for place in range(batch * many)]
            flat = spent["faiss Flat"]  # of as many rounds, or of fewer where either is slow
            table.append(
                {
                    "vectors": world,
                    "rows": rows,
                    "way": name,
                    "batch": batch,
                    "recall@10": recall(np.concatenate(found[name]), vectors, queries[kept], best[kept]),
                    "queries per CPU s": 1 / statistics.median(spent[name]),
                    "times faiss Flat": statistics.median(f / s for f, s in zip(flat, spent[name], strict=False)),
                    "share looked at": looked / (batch * (many * rounds + 1)) / rows if name == "mmssl" else None,
                    **facts[name],
                }
            )
    return table


def folder_facts(rows: int) -> Row:
    """Opening an index folder of one modality, and its first answer when nothing of it is in the cache."""
    vectors, queries = WORLDS["paired"](rows, 4)
    with tempfile.TemporaryDirectory() as place:
        index, begin = LocalIndex(Path(place), "model"), time.process_time()
        for first in range(0, rows, 10_000):
            some = vectors[first : first + 10_000]
            seconds = [float(second) for second in range(len(some))]
            moments = Moments(seconds, [second + 1 for second in seconds], {"video": some})
            index.add([(IndexedRecording(str(first), "films", str(first), f"{first}.mp4", ""), moments)])
        added = time.process_time() - begin
        index.recalls()
        coded = time.process_time() - begin - added
        files = [path for path in Path(place).iterdir() if path.is_file()]
        told: dict[str, str | int | float | None] = {
            "rows": rows,
            "adding CPU s": added,
            "codes CPU s": coded,
            "MB vectors": sum(path.stat().st_size for path in files if "segment" in path.name) / 1e6,
            "MB codes": sum(path.stat().st_size for path in files if "sieve" in path.name) / 1e6,
            "MB about": sum(path.stat().st_size for path in files if "sqlite" in path.name) / 1e6,
        }
        index.search(queries[0], WANTED, ["video"], "text")
        del index
        for state in ("cold", "warm"):
            for path in files if state == "cold" else ():
                with path.open("rb") as file:
                    os.fsync(file.fileno())
                    os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            begin = time.perf_counter()
            opened = LocalIndex(Path(place))
            opened.loaded()
            told[f"open ms, {state}"] = 1e3 * (time.perf_counter() - begin)
            for number, name in enumerate(("first", "next")):
                begin = time.perf_counter()
                opened.search(queries[number], WANTED, ["video"], "text")
                told[f"{name} query ms, {state}"] = 1e3 * (time.perf_counter() - begin)
        return told


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/search"))
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--graphs", type=int, default=20_000, help="rows for approximate ways; 0: none")
    parser.add_argument("--worlds", nargs="+", choices=list(WORLDS), default=list(WORLDS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--budget", type=float, default=5.0, help="CPU seconds for all rounds of one way")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    facts, table = setting(torch.device("cpu"), "faiss-cpu", "usearch", "hnswlib", "numba"), list[Row]()
    facts["capability"] = torch.backends.cpu.get_cpu_capability()
    for world in asked.worlds:
        table += measure(world, asked.rows, exact(), asked.rounds, asked.budget)
        if asked.graphs:
            table += measure(world, asked.graphs, approximate(), asked.rounds, asked.budget)
    write(asked.out, facts, table)
    about = [folder_facts(asked.rows)]
    write(asked.out.with_name(f"{asked.out.name}_folder"), facts, about)
    print(markdown(table), markdown(about), sep="\n")


if __name__ == "__main__":
    main()
