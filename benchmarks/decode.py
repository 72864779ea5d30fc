"""Clips a second of one processor core: `PyAVReader` beside decord, PyAV, torchcodec and OpenCV, and beside the limit.

python -m benchmarks.decode                                   writes benchmarks/results/decode.md and .json
python -m benchmarks.decode --small                           without 720p
python -m benchmarks.decode --videos DIR --out FILE           your own files instead

A clip is 16 pictures at a stride of 2, from a random place of a 10 s file of 25 pictures a second that is opened for it
and closed again, at 224 x 224 and at 112 x 112. Each decoder is used as its documentation says, in one thread, scaling
while it decodes where it can. With 8 windows a visit a file is opened once for 8 clips; figures stay those of one clip.

mmssl finds its packet tables in the cache folder, where the first visit left them, and reads one from there for every
clip, as a data set of more recordings than fit into memory does. The limit is libavcodec alone: the packets in memory,
only the pictures that must be decoded for the wanted ones, no scaling and no conversion.
"""

import argparse
import importlib
import random
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.machine import setting
from benchmarks.natural_films import FPS, content, films
from benchmarks.rounds import seconds_each
from benchmarks.tables import Row, markdown, write
from mmssl.data.captions import MEDIA, extension_of
from mmssl.data.decode.indexed_video import runs
from mmssl.data.decode.pyav import PyAVReader
from mmssl.data.packets.content import packets
from mmssl.data.packets.store import STORE
from mmssl.data.packets.table import DROPPABLE, StreamPackets
from mmssl.data.slices import Slice, slice_of
from mmssl.errors import MediaError

FRAMES, STRIDE, WINDOWS = 16, 2, 8
SPAN = (FRAMES * STRIDE + 1) / FPS  # s
Pictures = NDArray[np.uint8]  # [FRAMES * starts, pixels, pixels, 3]
Visit = tuple[str, list[float]]  # path, and where its clips start
Decode = Callable[[Visit, int], Pictures]


def times(starts: Sequence[float]) -> list[float]:
    """Of the pictures of some clips, ascending seconds, in the middle of their time on screen."""
    return sorted((int(start * FPS) + number * STRIDE + 0.5) / FPS for start in starts for number in range(FRAMES))


def mmssl(reader: PyAVReader, visit: Visit, pixels: int) -> Pictures:
    """One of mmssl's readers, which remembers no table from the visit before."""
    path, starts = visit
    STORE.forget()
    with reader.open(path, path) as media:
        return media.frames(times(starts), (pixels, pixels)).pixels


def plain_pyav(visit: Visit, pixels: int) -> Pictures:
    """Seek to the key picture before, decode up to the end, scale what is wanted."""
    path, starts = visit
    with av.open(path) as container:
        stream = container.streams.video[0]
        stream.thread_count = 1
        wanted, shown = times(starts), list[Pictures]()
        container.seek(int(wanted[0] * 1_000_000))
        before: av.VideoFrame | None = None
        for frame in container.decode(stream):
            while len(shown) < len(wanted) and frame.time is not None and frame.time > wanted[len(shown)]:
                shown.append((before or frame).to_ndarray(format="rgb24", width=pixels, height=pixels))
            if len(shown) == len(wanted):
                break
            before = frame
        while len(shown) < len(wanted) and before is not None:
            shown.append(before.to_ndarray(format="rgb24", width=pixels, height=pixels))
    return np.stack(shown)


def decord(visit: Visit, pixels: int) -> Pictures:
    """Pictures by number, as decord offers them."""
    module: Any = importlib.import_module("decord")
    path, starts = visit
    video = module.VideoReader(path, width=pixels, height=pixels, num_threads=1)
    rate, last = video.get_avg_fps(), len(video) - 1
    pictures: Pictures = video.get_batch([min(int(t * rate), last) for t in times(starts)]).asnumpy()
    return pictures


def torchcodec(mode: str, visit: Visit, pixels: int) -> Pictures:
    """Pictures by time, scaled by the decoder."""
    decoders: Any = importlib.import_module("torchcodec.decoders")
    transforms: Any = importlib.import_module("torchcodec.transforms")
    path, starts = visit
    video = decoders.VideoDecoder(
        path,
        dimension_order="NHWC",
        num_ffmpeg_threads=1,
        seek_mode=mode,
        transforms=[transforms.Resize((pixels, pixels))],
    )
    pictures: Pictures = video.get_frames_played_at(times(starts)).data.numpy()
    return pictures


def opencv(visit: Visit, pixels: int) -> Pictures:
    """Set the number of the first picture, then read one after the other."""
    cv2: Any = importlib.import_module("cv2")
    cv2.setNumThreads(1)
    path, starts = visit
    video = cv2.VideoCapture(path, cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
    rate = video.get(cv2.CAP_PROP_FPS)
    numbers = [int(t * rate) for t in times(starts)]
    video.set(cv2.CAP_PROP_POS_FRAMES, numbers[0])
    shown, place = list[Pictures](), numbers[0]
    for number in numbers:
        while place < number and video.grab():
            place += 1
        there, picture = video.read()
        place += there
        picture = picture if there else shown[-1]
        shown.append(cv2.cvtColor(cv2.resize(picture, (pixels, pixels)), cv2.COLOR_BGR2RGB))
    video.release()
    return np.stack(shown)


class Limit:
    """Only what must be decoded, from memory, and nothing done with it."""

    def __init__(self, path: str) -> None:
        with PyAVReader().open(path, path) as media:
            part, table = slice_of(path), media.table
        assert part is not None
        assert table is not None
        assert table.video is not None
        self.stream: StreamPackets = table.video
        self.part: Slice = part
        self.packets = list(packets(self.stream, np.arange(len(self.stream.stamp)), part))
        coding = self.stream.coding
        self.context: Any = av.CodecContext.create(coding.decoder, "r")
        self.context.extradata, self.context.thread_count = coding.extradata, 1

    def __call__(self, visit: Visit, pixels: int) -> Pictures:
        """Decode; the pictures are empty."""
        stream = self.stream
        moments = stream.seconds[stream.shown]
        wanted = stream.shown[np.unique(np.searchsorted(moments, times(visit[1]), side="right") - 1)]
        needed = stream.flags & DROPPABLE == 0
        needed[wanted] = True
        for run in runs(stream, wanted):
            for number in range(run.first, run.last + 1):
                if needed[number]:
                    self.context.decode(self.packets[number])
            self.context.decode(None)
            self.context.flush_buffers()
        return np.empty((0, pixels, pixels, 3), np.uint8)


def decoders() -> dict[str, Decode]:
    """Those that are installed, ours first."""
    found: dict[str, Decode] = {
        "mmssl": partial(mmssl, PyAVReader()),
        "mmssl, by the container": partial(mmssl, PyAVReader(tables=False)),
        "PyAV": plain_pyav,
    }
    if find_spec("decord") is not None:
        found["decord"] = decord
    if find_spec("cv2") is not None:
        found["OpenCV"] = opencv
    if find_spec("torchcodec") is not None:
        found |= {f"torchcodec, {mode}": partial(torchcodec, mode) for mode in ("exact", "approximate")}
    return found


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
