"""Clips a second of one processor core: `PyAVReader` beside PyAV, decord and OpenCV as they are commonly used.

python -m benchmarks.decode --out benchmarks/results/decode           films made here, 128, 256 and 512 pixels
python -m benchmarks.decode --videos DIR --out FILE                   your own

A clip is 16 pictures of 112 x 112 from 2 s at a random place of a file. Every round draws new places and lets each
decoder take the same ones in turn, so whatever else the machine does meets all of them; a figure is the median over
rounds, and the ratio that of medians. Processor seconds of all threads are counted, not those on the clock.
"""

import argparse
import importlib
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.machine import setting
from benchmarks.tables import Row, markdown, write
from mmssl.data.captions import MEDIA, extension_of
from mmssl.data.decode.decord import DecordReader
from mmssl.data.decode.pyav import PyAVReader
from mmssl.data.decode.reader import Reader
from mmssl.data.synthetic.generate import World, synthesize
from mmssl.errors import MediaError

FRAMES, PIXELS, SECONDS = 16, 112, 2.0
Pictures = NDArray[np.uint8]  # [FRAMES, PIXELS, PIXELS, 3]
Decode = Callable[[str, float], Pictures]  # path and start


def times(start: float) -> list[float]:
    """Of the pictures of a clip, in seconds."""
    return [start + (i + 0.5) * SECONDS / FRAMES for i in range(FRAMES)]


def by(reader: Reader) -> Decode:
    """One of mmssl's readers."""

    def decode(path: str, start: float) -> Pictures:
        with reader.open(path, path) as media:
            return media.frames(times(start), (PIXELS, PIXELS)).pixels

    return decode


def plain_pyav(path: str, start: float) -> Pictures:
    """Seek to the key picture before, decode up to the end, scale what is wanted."""
    with av.open(path) as container:
        stream = container.streams.video[0]
        container.seek(int(start * 1_000_000))
        wanted, shown = times(start), list[Pictures]()
        before: av.VideoFrame | None = None
        for frame in container.decode(stream):
            while len(shown) < FRAMES and frame.time is not None and frame.time > wanted[len(shown)]:
                shown.append((before or frame).to_ndarray(format="rgb24", width=PIXELS, height=PIXELS))
            if len(shown) == FRAMES:
                break
            before = frame
        while len(shown) < FRAMES and before is not None:
            shown.append(before.to_ndarray(format="rgb24", width=PIXELS, height=PIXELS))
    return np.stack(shown)


def plain_decord(path: str, start: float) -> Pictures:
    """Pictures by number, as decord offers them."""
    decord: Any = importlib.import_module("decord")
    video = decord.VideoReader(path, width=PIXELS, height=PIXELS, num_threads=1)
    rate, last = video.get_avg_fps(), len(video) - 1
    pictures: Pictures = video.get_batch([min(int(t * rate), last) for t in times(start)]).asnumpy()
    return pictures


def opencv(path: str, start: float) -> Pictures:
    """Set the number of the first picture, then read one after the other."""
    cv2: Any = importlib.import_module("cv2")
    cv2.setNumThreads(1)
    video = cv2.VideoCapture(path)
    rate = video.get(cv2.CAP_PROP_FPS)
    numbers = [int(t * rate) for t in times(start)]
    video.set(cv2.CAP_PROP_POS_FRAMES, numbers[0])
    shown, place = list[Pictures](), numbers[0] - 1
    for number in numbers:
        while place < number:
            there, picture = video.read()
            place += 1
            if not there:
                break
        shown.append(cv2.cvtColor(cv2.resize(picture, (PIXELS, PIXELS)), cv2.COLOR_BGR2RGB))
    video.release()
    return np.stack(shown)


def decoders() -> dict[str, Decode]:
    """Those that are installed, ours first."""
    found: dict[str, Decode] = {"mmssl PyAVReader": by(PyAVReader()), "PyAV, plain": plain_pyav}
    if find_spec("decord") is not None:
        found |= {"mmssl DecordReader": by(DecordReader()), "decord, plain": plain_decord}
    if find_spec("cv2") is not None:
        found["OpenCV"] = opencv
    return found


def usable(paths: Sequence[Path]) -> dict[str, float]:
    """Files with at least a clip of pictures that all of mmssl's readers can decode, and their seconds."""
    found: dict[str, float] = {}
    for path in paths:
        try:
            with PyAVReader().open(str(path), path.name) as media:
                video = media.info.video
            if video is not None and video.duration > SECONDS:
                for name, decode in decoders().items():
                    if name.startswith("mmssl"):
                        decode(str(path), 0.0)
                found[str(path)] = video.duration
        except MediaError as error:
            print(f"left out: {path.name}: {error.detail}")
    return found


def measure(name: str, files: dict[str, float], rounds: int, seed: int) -> list[Row]:
    """Each decoder over the same clips in each round, in an order that changes."""
    draws, spent = random.Random(seed), {decoder: list[float]() for decoder in decoders()}
    for number in range(rounds + 1):
        clips = [(path, draws.uniform(0, seconds - SECONDS)) for path, seconds in files.items()]
        order = list(decoders().items())
        draws.shuffle(order)
        for decoder, decode in order:
            begin = time.process_time()
            for path, start in clips:
                pictures = decode(path, start)
                assert pictures.shape == (FRAMES, PIXELS, PIXELS, 3)
            # The first round fills caches and loads libraries.
            if number:
                spent[decoder].append((time.process_time() - begin) / len(clips))
    ours = statistics.median(spent["mmssl PyAVReader"])
    return [
        {
            "files": name,
            "decoder": decoder,
            "clips per CPU second": 1 / statistics.median(seconds),
            "slowest round": 1 / max(seconds),
            "PyAVReader is times as fast": statistics.median(seconds) / ours,
        }
        for decoder, seconds in spent.items()
    ]


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=Path, help="folder of films; made here when absent")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/decode"))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--clips", type=int, default=12, help="files of each size that are made")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    facts, rows = setting(torch.device("cpu"), "av", "decord", "opencv-python"), list[Row]()
    if asked.videos is not None:
        paths = sorted(p for p in asked.videos.rglob("*") if extension_of(p.name) in MEDIA)
        films = usable(paths)
        rows = measure(f"{len(films)} of {asked.videos.name}", films, asked.rounds, seed=0)
    else:
        for pixels in (128, 256, 512):
            with tempfile.TemporaryDirectory() as folder:
                synthesize(Path(folder), asked.clips, world=World(pixels=pixels, seconds=10.0), splits={"all": 1})
                films = usable(sorted(Path(folder).rglob("*.mp4")))
                rows += measure(f"{len(films)} of {pixels} pixels, 10 s", films, asked.rounds, seed=0)
    write(asked.out, facts, rows)
    print(markdown(rows))


if __name__ == "__main__":
    main()
