"""What `mmssl pack --reencode` buys: clips a processor second of packed shards beside decord on the files before.

python -m benchmarks.pack --videos FILE ... --out benchmarks/results/pack

Each film is first written as it might be found: H.264 of 256 x 256 pixels at 25 a second, x264's medium preset at crf
23, with a key frame at least every 250, 48 and 12 pictures. These files are packed untouched, and the first by each
profile, also scaled to what is read; all are read at random places: 16 pictures at stride 2, 224 x 224 RGB, the file
opened anew for each clip. Every round takes all ways in turn over the same places; a figure is the median over rounds.
PSNR and SSIM (of luma) compare the clips that are read with those of the untouched file, so where pictures were scaled
once and not at each reading they also count that the two scalers are not the same.
"""

import argparse
import importlib
import os
import random
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from benchmarks.machine import setting
from benchmarks.rounds import seconds_of
from benchmarks.tables import Row, markdown, write
from mmssl.data.decode.picture import fitted
from mmssl.data.decode.pyav import PyAVReader
from mmssl.data.pack import pack
from mmssl.data.recordings import Recordings
from mmssl.data.reencode_profiles import PROFILES, Profile
from mmssl.data.sources import open_recordings

SIDE, RATE, FRAMES, STRIDE, PIXELS = 256, 25, 16, 2, 224
GOPS = (250, 48, 12)
SPAN = (FRAMES - 1) * STRIDE + 1  # pictures from the first of a clip to the last
# In the folder of real clips: much motion, some, little.
CLIPS = ("av/maskvat_gt/tennis.mp4", "av/greatest_hits/chopping.mp4", "av/kinetics/flipping_a_pancake.mkv")


def film(source: Path, out: Path, gop: int, pictures: int) -> int:
    """Write the first pictures of a film as it might be found; how many there are."""
    with PyAVReader().open(str(source), source.name) as media, av.open(str(out), "w") as made:
        stream = made.add_stream("libx264", rate=RATE, options={"preset": "medium", "crf": "23"})
        stream.width = stream.height = SIDE
        stream.pix_fmt, stream.codec_context.gop_size, stream.codec_context.thread_count = "yuv420p", gop, 1
        count = 0
        for _, picture in media.pictures():
            if count == pictures:
                break
            frame = av.VideoFrame.from_ndarray(fitted(picture, (SIDE, SIDE)), format="rgb24")
            frame.pts, count = count, count + 1
            made.mux(stream.encode(frame))
        made.mux(stream.encode(None))
    return count


def by_decord(path: str, first: int) -> NDArray[np.uint8]:
    """The clip that begins with picture `first`, as decord's documentation reads it."""
    decord: Any = importlib.import_module("decord")
    video = decord.VideoReader(path, width=PIXELS, height=PIXELS, num_threads=1)
    clip: NDArray[np.uint8] = video.get_batch([first + i * STRIDE for i in range(FRAMES)]).asnumpy()
    return clip


def by_mmssl(recordings: Recordings, index: int, first: int) -> NDArray[np.uint8]:
    """The same out of a shard."""
    with PyAVReader().open(recordings.source(index), "clip") as media:
        times = [(first + i * STRIDE + 0.5) / RATE for i in range(FRAMES)]
        return media.frames(times, (PIXELS, PIXELS)).pixels


def likeness(one: NDArray[np.uint8], two: NDArray[np.uint8]) -> tuple[float, float]:
    """PSNR in dB and SSIM (Wang et al. 2004, a Gaussian of 1.5 pixels) of the luma of two clips."""
    errors, likes = [], []
    for pictures in zip(one, two, strict=True):
        x, y = (picture @ np.array([0.299, 0.587, 0.114]) for picture in pictures)
        errors.append(np.square(x - y).mean())
        mx, my, xx, yy, xy = (gaussian_filter(z, 1.5) for z in (x, y, x * x, y * y, x * y))
        top = (2 * mx * my + 6.5025) * (2 * (xy - mx * my) + 58.5225)
        likes.append((top / ((mx**2 + my**2 + 6.5025) * (xx - mx**2 + yy - my**2 + 58.5225))).mean())
    return float(10 * np.log10(255**2 / np.mean(errors))), float(np.mean(likes))


@dataclass(frozen=True)
class Way:
    """One way to read a film, and what it costs in bytes."""

    gop: int
    name: str
    read: Callable[[int], NDArray[np.uint8]]  # the clip that begins with a picture
    bytes: int


def packed(files: Path, out: Path, name: str, profile: Profile | None) -> list[Way]:
    """Each film of a folder, in one shard; their names are their GOPs."""
    pack(str(files), out / name.replace(" ", "_"), workers=1, reencode=profile)
    recordings = open_recordings(str(out / name.replace(" ", "_")))
    ways = []
    for index, found in enumerate(recordings):
        with recordings.source(index) as media:  # type: ignore[union-attr]
            size = media.seek(0, os.SEEK_END)
        ways.append(Way(int(found.key), name, partial(by_mmssl, recordings, index), size))
    return ways


def rows_of(source: Path, folder: Path, clips: int, rounds: int, pictures: int) -> list[Row]:
    """All ways to read one film; ratios to decord on the file with the fewest key frames."""
    for place in ("all", "first"):
        (folder / place).mkdir(parents=True)
    count = min(film(source, folder / f"all/{gop}.mp4", gop, pictures) for gop in GOPS)
    shutil.copy(folder / f"all/{GOPS[0]}.mp4", folder / "first")
    plain = {way.gop: way for way in packed(folder / "all", folder, "pack", None)}
    ways = []
    for gop in GOPS:
        path = folder / f"all/{gop}.mp4"
        ways += [Way(gop, "decord", partial(by_decord, str(path)), path.stat().st_size), plain[gop]]
    for profile in PROFILES:
        for side in (0, PIXELS):
            name = f"pack --reencode {profile.name}" + (f" --short-side {side}" if side else "")
            ways += packed(folder / "first", folder, name, replace(profile, short_side=side))
    firsts = [random.Random(0).randrange(count - SPAN) for _ in range(clips)]
    same = np.abs(ways[0].read(firsts[0]).astype(float) - ways[1].read(firsts[0])).mean()
    assert same < 4, "decord and mmssl show other pictures"

    def all_clips(way: Way) -> None:
        for first in firsts:
            way.read(first)

    spent = seconds_of({f"{way.name} {way.gop}": partial(all_clips, way) for way in ways}, rounds)
    base = spent[f"{ways[0].name} {ways[0].gop}"]
    whole = np.concatenate([plain[GOPS[0]].read(first) for first in firsts])
    rows = list[Row]()
    for way in ways:
        seconds = spent[f"{way.name} {way.gop}"]
        psnr, ssim = (None, None)
        if "reencode" in way.name:
            psnr, ssim = likeness(whole, np.concatenate([way.read(first) for first in firsts]))
        rows.append(
            {
                "film": source.name,
                "key frame every": way.gop,
                "way": way.name,
                "clips a CPU second": clips / seconds,
                f"times decord at {GOPS[0]}": base / seconds,
                f"times the bytes at {GOPS[0]}": way.bytes / plain[GOPS[0]].bytes,
                "PSNR, dB": psnr,
                "SSIM": ssim,
            }
        )
    return rows


def main() -> None:
    """The command line."""
    real = Path(os.environ.get("MMSSL_REALDATA", Path(__file__).parents[2] / "shared" / "realdata"))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=Path, nargs="+", default=[real / clip for clip in CLIPS])
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/pack"))
    parser.add_argument("--clips", type=int, default=8, help="places of a film that are read in a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--pictures", type=int, default=250, help="of each film")
    asked = parser.parse_args()
    if missing := [str(video) for video in asked.videos if not video.is_file()]:
        parser.error(f"no file {missing[0]}: give films with --videos, or the folder of real clips in MMSSL_REALDATA")
    torch.set_num_threads(1)
    rows = list[Row]()
    for video in asked.videos:
        with tempfile.TemporaryDirectory() as folder:
            rows += rows_of(video, Path(folder), asked.clips, asked.rounds, asked.pictures)
    write(asked.out, setting(torch.device("cpu"), "av", "decord"), rows)
    print(markdown(rows))


if __name__ == "__main__":
    main()
