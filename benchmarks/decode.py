"""Clips a second of one processor core: `PyAVReader` beside decord, PyAV, torchcodec and OpenCV, and beside the limit.

python -m benchmarks.decode                                   writes benchmarks/results/decode.md and .json
python -m benchmarks.decode --small                           without 720p
python -m benchmarks.decode --videos DIR --out FILE           your own files instead

A clip is 16 pictures at a stride of 2, from a random place of a 10 s file of 25 pictures a second that is opened for it
and closed again, at 224 x 224 and at 112 x 112. Each decoder is used as its documentation says, in one thread, scaling
while it decodes where it can. With 8 windows a visit a file is opened once for 8 clips; figures stay those of one clip.

mmssl finds its packet tables in the cache folder, where the first visit left them, and reads one from there for every
clip, as in a data set of more recordings than it remembers; "table in memory" is of one that it remembers. The limit is
libavcodec alone: the packets in memory, only the pictures that must be decoded for the wanted ones, no scaling and no
conversion.
"""

import argparse
import random
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch

from benchmarks.decoders import SPAN, Decode, Limit, Visit, decoders, mmssl, plain_pyav
from benchmarks.machine import setting
from benchmarks.natural_films import content, films
from benchmarks.rounds import seconds_each
from benchmarks.tables import Row, markdown, write
from mmssl.data.captions import MEDIA, extension_of
from mmssl.data.decode.pyav import PyAVReader
from mmssl.errors import MediaError

WINDOWS = 8  # a visit
VISIT = f", {WINDOWS} windows a visit"
MANY = ("mmssl", "decord", "torchcodec, exact")  # also with 8 windows a visit


def measure(film: str, paths: dict[str, float], pixels: int, clips: int, rounds: int, limit: Limit | None) -> list[Row]:
    """The rows of a table: each decoder over the same clips in each round."""
    contenders: dict[str, Callable[[list[Visit]], object]] = {}
    several = decoders() | ({"limit": limit} if limit else {})

    def one(decode: Decode, visits: list[Visit]) -> None:
        for path, starts in visits:
            for start in starts:
                decode((path, [start]), pixels)

    def many(decode: Decode, visits: list[Visit]) -> None:
        for visit in visits:
            decode(visit, pixels)

    def draw(draws: random.Random) -> list[list[Visit]]:
        files = draws.choices(list(paths), k=max(clips // WINDOWS, 1))
        return [[(path, [draws.uniform(0, paths[path] - SPAN) for _ in range(WINDOWS)]) for path in files]]

    for name, decode in several.items():
        contenders[name] = partial(one, decode)
        if name in (*MANY, "limit"):
            contenders[name + VISIT] = partial(many, decode)
    spent = seconds_each(contenders, draw, rounds, seed=0)
    count = max(clips // WINDOWS, 1) * WINDOWS
    theirs = spent.get("decord", spent["PyAV"])
    return [
        {
            "film": film,
            "pixels": pixels,
            "decoder": name,
            "clips per CPU second": count / seconds,
            "times decord": theirs / seconds if "decord" in spent else None,
            "times OpenCV": spent["OpenCV"] / seconds if "OpenCV" in spent else None,
            "of the limit": spent["limit" + (VISIT if name.endswith(VISIT) else "")] / seconds if limit else None,
        }
        for name, seconds in spent.items()
    ]


def alike(path: str, seconds: float) -> float:
    """Mean difference in gray levels between what mmssl and PyAV's own scaling to RGB give."""
    visit = path, [seconds / 3]
    ours, theirs = mmssl(PyAVReader(), visit, 224), plain_pyav(visit, 224)
    return float(np.abs(ours.astype(int) - theirs).mean())


def usable(paths: Sequence[Path]) -> dict[str, float]:
    """Files with at least a clip of pictures, and their seconds."""
    found: dict[str, float] = {}
    for path in paths:
        try:
            with PyAVReader().open(str(path), path.name) as media:
                video = media.info.video
            if video is not None and video.duration > 2 * SPAN:
                found[str(path)] = video.duration
        except MediaError as error:
            print(f"left out: {path.name}: {error.detail}")
    return found


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=Path, help="folder of films; made here when absent")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/decode"))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--clips", type=int, default=8, help="of each decoder in each round")
    parser.add_argument("--small", action="store_true", help="leave out the films of 720p")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    facts, rows = setting(torch.device("cpu"), "av", "decord", "opencv-python", "torchcodec"), list[Row]()
    if asked.videos is not None:
        paths = usable(sorted(p for p in asked.videos.rglob("*") if extension_of(p.name) in MEDIA))
        rows += measure(f"{len(paths)} of {asked.videos.name}", paths, 224, asked.clips, asked.rounds, None)
    else:
        with tempfile.TemporaryDirectory() as folder:
            source, facts["films"] = content(Path(folder) / "world")
            for size, gop, path in films(source, Path(folder), asked.small):
                film = {str(path): 10.0}
                facts[f"{size} GOP {gop}, gray levels from PyAV"] = round(alike(str(path), 10.0), 2)
                large = size.startswith("1280")
                for pixels in (224,) if large else (224, 112):
                    rounds = max(asked.rounds // 2, 1) if large else asked.rounds
                    new = measure(f"{size} GOP {gop}", film, pixels, asked.clips, rounds, Limit(str(path)))
                    print(markdown(new), flush=True)
                    rows += new
    write(asked.out, facts, rows)
    print(f"written: {asked.out.with_suffix('.md')}")


if __name__ == "__main__":
    main()
