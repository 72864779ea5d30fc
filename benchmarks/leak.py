"""Whether memory grows: clips of all kinds of film opened and decoded in one process.

python -m benchmarks.leak --clips 10000 --out benchmarks/results/leak
"""

import argparse
import gc
import os
import resource
import tempfile
from pathlib import Path

import av
import torch

from benchmarks.films import make
from benchmarks.fuzz import FILMS
from benchmarks.machine import setting
from benchmarks.tables import Row, markdown, write
from mmssl.data.clips import Clips


def leak(count: int) -> list[Row]:
    """Resident memory while clips of all kinds of film are opened and decoded, in rows of a tenth."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MMSSL_CACHE"] = folder + "/cache"
        films = [make(film, Path(folder) / f"{number}.{film.container}").path for number, film in enumerate(FILMS)]
        opened = [Clips(source=str(path), seconds=1.0, frames=4, pixels=32).open() for path in films]
        rows: list[Row] = []
        for number in range(count + 1):
            if number % max(1, count // 10) == 0:
                gc.collect()
                pages = int(Path("/proc/self/statm").read_text().split()[1])
                rows.append({"clips": number, "resident MB": round(pages * resource.getpagesize() / 1e6, 1)})
            opened[number % len(opened)].clip(0, number)
    return rows


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=10_000)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/leak"))
    asked = parser.parse_args()
    torch.set_num_threads(1)
    av.logging.set_level(av.logging.PANIC)
    facts = setting(torch.device("cpu"), "av")
    rows = leak(asked.clips)
    write(asked.out, facts, rows)
    print(markdown(rows))


if __name__ == "__main__":
    main()
