"""The whole path of data beside webdataset, litdata and `DataLoader`: bytes, transport, start and end to end.

python -m benchmarks.loader --out benchmarks/results/loader               films made here
python -m benchmarks.loader --parts whole --shards DIR [--packed DIR]     your own shards, as they are and re-encoded
python -m benchmarks.loader --parts wait --steps 10 --out benchmarks/results/loader_wait

Parts: `bytes` out of local shards, in any order, and `server`, out of shards behind a slow one; `transport` from a
worker to the trainer; `start` with an index of a million clips, and going on at any step; `whole`, from a shard to
pictures and a log-mel spectrogram; `wait`, the share of a step's time that training waits for data. Every variant runs
in a process of its own, in rounds in which all take turns, so other work on the machine meets all of them; ratios are
medians over the rounds. Real films are read from MMSSL_REALDATA (default ../shared/realdata), else the synthetic
world's.
"""

import argparse
import importlib
import os
import tempfile
from pathlib import Path
from typing import Any

import torch
from av.error import FFmpegError

from benchmarks import loader_start, loader_streams, loader_transport, loader_whole
from benchmarks.machine import setting
from benchmarks.natural_films import encode
from benchmarks.tables import Row, markdown, write
from mmssl.data.pack import pack
from mmssl.data.reencode_profiles import FAST
from mmssl.data.synthetic.generate import World, synthesize

COLUMNS = (
    "part",
    "setup",
    "figure",
    "unit",
    "times the peer",
    "private MB",
    "CPU s",
    "trainer's CPU ms a clip",
    "first ms",
    "label entropy",
    "cold samples/s",
)
PARTS = ("bytes", "server", "transport", "start", "whole", "wait")


def films(folder: Path, count: int, gop: int) -> str:
    """Films of ten seconds, 256 x 256; what they are."""
    folder.mkdir()
    real = Path(os.environ.get("MMSSL_REALDATA", "../shared/realdata")) / "av"
    sources = [path for name in ("vggsound", "vas", "difffoley") for path in sorted((real / name).glob("*.mp4"))]
    for path in sources:
        film = folder / f"{path.parent.name}-{path.stem}.mp4"
        if len(list(folder.iterdir())) < count:
            try:
                encode(path, film, (256, 256), gop)
            except (FFmpegError, IndexError):
                film.unlink(missing_ok=True)  # it has no sound, or pictures that do not decode
    if sources:
        return f"real clips, 256 px, GOP {gop}"
    synthesize(folder, count, world=World(pixels=256, seconds=10.0), splits={"all": 1})
    return "synthetic, 256 px"


def whole(folder: Path, asked: argparse.Namespace) -> list[Row]:
    """Of the shards that were given, or of films made here."""
    if asked.shards is not None:
        folders = {"as is": asked.shards} | ({"packed": asked.packed} if asked.packed else {})
        return loader_whole.measure(asked.shards.name, folders, None, asked.clips, asked.rounds)
    rows: list[Row] = []
    for gop in (48, 250):
        source = folder / f"films-{gop}"
        name = films(source, asked.films, gop)
        folders = {"as is": folder / f"as-is-{gop}", "packed fast": folder / f"fast-{gop}"}
        pack(str(source), folders["as is"], workers=1)
        pack(str(source), folders["packed fast"], workers=1, reencode=FAST)
        rows += loader_whole.measure(name, folders, source, asked.clips, asked.rounds)
    return rows


def wait(asked: argparse.Namespace) -> list[Row]:
    """The real loop over the synthetic world, with two workers."""
    training: Any = importlib.import_module("benchmarks.training")
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        synthesize(Path(folder), 128, splits={"train": 1}, world=World())
        for name, size in (("quickstart", 16), ("R(2+1)D-18 16x112 fp32", 4)):
            run = training.SETUPS[name].build(Path(folder) / "train", asked.steps + 2, size, 2)
            found = training.fed(run, torch.device("cpu"), 2)
            rows.append(
                {
                    "part": f"training, batch {size}",
                    "setup": name,
                    "figure": found["data_wait"],
                    "unit": "waiting share",
                }
            )
    return rows


def measure(part: str, folder: Path, asked: argparse.Namespace) -> list[Row]:
    """One part."""
    if part in ("bytes", "server") and not (folder / "shards").exists():
        loader_streams.make(folder, asked.samples)
    if part == "bytes":
        return loader_streams.local(folder, asked.samples, asked.rounds)
    if part == "server":
        return loader_streams.remote(folder, asked.rounds, folder)
    if part == "transport":
        return loader_transport.measure(asked.batches, asked.rounds)
    if part == "start":
        loader_start.make(folder / "index", asked.index, 100)
        return loader_start.measure(folder / "index", asked.index, 100, asked.rounds)
    return whole(folder, asked) if part == "whole" else wait(asked)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="*", default=list(PARTS), choices=PARTS)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/loader"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--samples", type=int, default=2000, help="of 250 kB, for bytes")
    parser.add_argument("--batches", type=int, default=100, help="for transport")
    parser.add_argument("--index", type=int, default=1_000_000, help="clips, for start")
    parser.add_argument("--films", type=int, default=16, help="that are made, for whole")
    parser.add_argument("--clips", type=int, default=64, help="a round, for whole")
    parser.add_argument("--steps", type=int, default=3, help="for wait")
    parser.add_argument("--shards", type=Path, help="folder, for whole")
    parser.add_argument("--packed", type=Path, help="folder of the same, re-encoded")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    facts = setting(torch.device("cpu"), "av", "webdataset", "litdata", "decord", "torchcodec", "torchaudio")
    found: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        for part in asked.parts:
            found += measure(part, Path(folder), asked)
            rows: list[Row] = [{column: row.get(column) for column in COLUMNS} for row in found]
            write(asked.out, facts, rows)
    print(markdown(rows))


if __name__ == "__main__":
    main()
