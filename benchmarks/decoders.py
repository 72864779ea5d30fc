"""Decoders that are compared in `decode.py`, each as its documentation says, and libavcodec alone as their limit."""

import importlib
from collections.abc import Callable, Sequence
from functools import partial
from importlib.util import find_spec
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from benchmarks.natural_films import FPS
from mmssl.data.decode.indexed_video import runs
from mmssl.data.decode.pyav import PyAVReader
from mmssl.data.packets.content import packets
from mmssl.data.packets.store import STORE
from mmssl.data.packets.table import DROPPABLE, StreamPackets
from mmssl.data.slices import Slice, slice_of

FRAMES, STRIDE = 16, 2
SPAN = (FRAMES * STRIDE + 1) / FPS  # s
Pictures = NDArray[np.uint8]  # [FRAMES * starts, pixels, pixels, 3]
Visit = tuple[str, list[float]]  # path, and where its clips start
Decode = Callable[[Visit, int], Pictures]


def times(starts: Sequence[float]) -> list[float]:
    """Of the pictures of some clips, ascending seconds, in the middle of their time on screen."""
    return sorted((int(start * FPS) + number * STRIDE + 0.5) / FPS for start in starts for number in range(FRAMES))


def mmssl(reader: PyAVReader, visit: Visit, pixels: int, *, remember: bool = False) -> Pictures:
    """One of mmssl's readers, which remembers no table from the visit before unless it is told to."""
    path, starts = visit
    if not remember:
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
        "mmssl, table in memory": partial(mmssl, PyAVReader(), remember=True),
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
