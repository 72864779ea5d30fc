"""Thousands of damaged recordings through probe, the reader, the loader and a search by one: what becomes of them.

python -m benchmarks.fuzz --cases 3000 --out benchmarks/results/fuzz

A case is a pure function of (seed, number) and the files, so each can be tried again: `--first 1234 --cases 1`. Cases
run in child processes with bounded memory and time. A case is "read" when every window is given, "partly" when some are
and the others are named, "refused" when it does not open; a "bug" is any other exception than a `MmsslError`.
"""

import argparse
import os
import resource
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import torch

from benchmarks.doors import tiny_model, tried
from benchmarks.films import Film, make
from benchmarks.machine import setting
from benchmarks.mutations import mutated
from benchmarks.tables import Cell, Row, markdown, write
from mmssl.applications.model import Model

MEMORY = 2 << 30  # bytes of address space that a case may take beyond what the process has
PATIENCE = 30.0  # s for a case
SHARE = 25  # cases a child
FILMS = (
    Film(),
    Film(muxer=(("movflags", "faststart"),), audio="mp3", gop=250),
    Film(muxer=(("movflags", "frag_keyframe+delay_moov"),)),
    Film(video="libx265", audio="flac"),
    Film(container="mov", video="mpeg4", audio="alac"),
    Film(container="mkv", audio="opus"),
    Film(container="mkv", video="libsvtav1", audio="vorbis"),
    Film(container="webm", video="libvpx", audio="vorbis"),
    Film(container="webm", video="libvpx-vp9", audio="opus"),
    Film(container="avi", video="mpeg4", audio="pcm_s16le", rate=8_000, layout="mono"),
    Film(container="avi", video="mjpeg", audio="mp3"),
    Film(container="ts", audio="aac"),
    Film(container="ts", video="mpeg2video", audio="mp2"),
)


@dataclass(frozen=True)
class Case:
    """What became of one.

    Attributes:
        number: of the case.
        kind: of file.
        mutation: by name.
        outcome: read, partly, refused, bug, crash or hang.
        faults: as named, or the exception.
        rss: peak of the process so far, bytes.
    """

    number: int
    kind: str
    mutation: str
    outcome: str
    faults: tuple[str, ...]
    rss: int


def corpus(folder: Path, real: Path | None = None, most: int = 12, largest: int = 400_000) -> dict[str, bytes]:
    """Films made here by name, and some small real ones."""
    found = {}
    for film in FILMS:
        made = make(film, folder / f"corpus.{film.container}")
        found[str(film)] = made.path.read_bytes()
    small = [] if real is None else [path for path in sorted(real.rglob("*.*")) if path.stat().st_size < largest]
    return found | {f"real {path.name}": path.read_bytes() for path in small[:: max(1, len(small) // most)]}


def cases(names: Sequence[str], contents: Sequence[bytes], seed: int, numbers: Sequence[int]) -> Iterator[Case]:
    """Try some cases in child processes; one that ends its process or hangs is told, and the rest go on."""
    model, left = tiny_model(), list(numbers)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MMSSL_CACHE"] = folder + "/cache"
        while left:
            for case in _child(names, contents, seed, left[:SHARE], model, Path(folder)):
                left.remove(case.number)
                yield case


def _child(
    names: Sequence[str], contents: Sequence[bytes], seed: int, numbers: Sequence[int], model: Model, folder: Path
) -> Iterator[Case]:
    receive, send = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(receive)
        try:
            _work(names, contents, seed, numbers, model, folder, send)
        finally:
            os._exit(70)  # whatever happened, a child never goes on as its parent
    os.close(send)
    waiting = list(numbers)
    with os.fdopen(receive, "r", errors="replace") as answers:
        for line in answers:
            outcome, rss, *faults = line.rstrip("\n").split("\t")
            number = waiting.pop(0)
            file, mutation, _ = mutated(contents, seed, number)
            yield Case(number, names[file], mutation, outcome, tuple(faults), int(rss))
    _, status = os.waitpid(child, 0)
    if waiting:
        ended = os.waitstatus_to_exitcode(status)
        why = f"signal {signal.Signals(-ended).name}" if ended < 0 else f"exit {ended}"
        file, mutation, _ = mutated(contents, seed, waiting[0])
        yield Case(waiting[0], names[file], mutation, "hang" if ended == -signal.SIGALRM else "crash", (why,), 0)


def _work(
    names: Sequence[str],
    contents: Sequence[bytes],
    seed: int,
    numbers: Sequence[int],
    model: Model,
    folder: Path,
    send: int,
) -> None:
    """In a child: a line for each case, then its end."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    bound = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (bound, bound))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # it ends the process, also inside of a decoder
    for number in numbers:
        file, _, content = mutated(contents, seed, number)
        suffix = names[file].split()[0] if not names[file].startswith("real") else names[file].rsplit(".", 1)[-1]
        path = folder / f"case{number}.{suffix}"
        path.write_bytes(content)
        signal.setitimer(signal.ITIMER_REAL, PATIENCE)
        outcome, faults = tried(path, model)
        signal.setitimer(signal.ITIMER_REAL, 0)
        path.unlink()
        rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        line = "\t".join([outcome, str(rss), *(" ".join(fault.split()) for fault in faults)])
        os.write(send, f"{line}\n".encode("utf-8", "backslashreplace"))


def table(found: Sequence[Case]) -> list[Row]:
    """One line a kind of file, then one a mutation, then all."""
    rows: list[Row] = []
    groups = [("file", case.kind, case) for case in found if not case.kind.startswith("real")]
    groups += [("file", "real clips", case) for case in found if case.kind.startswith("real")]
    groups += [("mutation", case.mutation, case) for case in found]
    groups += [("all", "", case) for case in found]
    for group in dict.fromkeys((kind, name) for kind, name, _ in groups):
        mine = [case for kind, name, case in groups if (kind, name) == group]
        outcomes = Counter(case.outcome for case in mine)
        faults = Counter(fault for case in mine if case.outcome in ("partly", "refused") for fault in case.faults)
        cells: dict[str, Cell] = {"": " ".join(group), "cases": len(mine)}
        cells |= {name: outcomes[name] for name in ("read", "partly", "refused", "bug", "crash", "hang")}
        cells["named faults"] = ", ".join(f"{name} {count}" for name, count in faults.most_common())
        rows.append(cells)
    return rows


def main() -> int:
    """The command line; 1 when anything is a bug, a crash or a hang."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=3000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--real", type=Path, help="folder of real clips, of which some small ones are damaged too")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/fuzz"))
    asked = parser.parse_args()
    torch.set_num_threads(1)
    av.logging.set_level(av.logging.PANIC)
    facts = setting(torch.device("cpu"), "av")
    begin, found = time.process_time(), list[Case]()
    with tempfile.TemporaryDirectory() as folder:
        files = corpus(Path(folder), asked.real)
    names, contents = list(files), list(files.values())
    for case in cases(names, contents, asked.seed, range(asked.first, asked.first + asked.cases)):
        found.append(case)
        if case.outcome in ("bug", "crash", "hang"):
            print(f"case {case.number}, {case.mutation} of {case.kind}: {case.outcome}: {'; '.join(case.faults)}")
    rows = table(found)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    facts |= {
        "seed": asked.seed,
        "peak MB of a child": round(max(case.rss for case in found) / 1e6),
        "CPU s": round(time.process_time() - begin + used.ru_utime + used.ru_stime),
    }
    write(asked.out, facts, rows)
    print(markdown(rows))
    return int(any(case.outcome in ("bug", "crash", "hang") for case in found))


if __name__ == "__main__":
    sys.exit(main())
