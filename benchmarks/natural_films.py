"""Films of one content in several sizes and distances of keyframes, with the sound copied."""

import os
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from mmssl.data.synthetic.generate import World, synthesize

# 10 s of a street in 720p at 25 pictures a second, with the sound of the place.
REAL = "av/vggsound/1uCzQCdCC1U_000170.mp4"
FPS = 25


def content(folder: Path) -> tuple[Path, str]:
    """A film to encode anew, and what it is: a real clip where the real clips are, else one of the synthetic world."""
    real = Path(os.environ.get("MMSSL_REALDATA", "../shared/realdata")) / REAL
    if real.is_file():
        return real, "real clip"
    synthesize(folder, 1, world=World(pixels=720, seconds=10.0), splits={"all": 1})
    return next(folder.rglob("*.mp4")), "synthetic"


def encode(source: Path, out: Path, size: tuple[int, int], gop: int, seconds: float = 10.0) -> Path:
    """H.264 as most files are (x264, medium, crf 23) of (width, height), keyframes every `gop` pictures alone.

    A source that is shorter comes over and over.
    """
    with av.open(str(source)) as film, av.open(str(out), "w") as container:
        pictures, sounds = film.streams.video[0], film.streams.audio[0]
        video: Any = container.add_stream("libx264", rate=FPS)
        video.width, video.height, video.pix_fmt = *size, "yuv420p"
        video.options = {"preset": "medium", "crf": "23", "g": str(gop), "keyint_min": str(gop), "sc_threshold": "0"}
        video.codec_context.thread_count = 1
        audio = container.add_stream_from_template(sounds)
        number, heard = 0, 0  # pictures, and ticks of sound
        while number < seconds * FPS:
            film.seek(0)
            for packet in film.demux(pictures, sounds):
                if packet.stream is sounds:
                    if packet.dts is not None and heard * packet.time_base < seconds:
                        packet.stream, packet.pts, packet.dts = audio, heard, heard
                        heard += packet.duration
                        container.mux(packet)
                    continue
                for frame in packet.decode():
                    if number < seconds * FPS:
                        picture = frame.reformat(*size, "yuv420p")
                        picture.pts, picture.time_base, picture.pict_type = number, Fraction(1, FPS), 0
                        container.mux(video.encode(picture))
                        number += 1
        container.mux(video.encode(None))
    return out


def films(source: Path, folder: Path, small: bool) -> Iterator[tuple[str, int, Path]]:
    """(size, GOP, path) of each film of the comparison."""
    for size, gops in (((320, 240), (12, 48, 250)), ((1280, 720), (48, 250))):
        for gop in gops if size[0] == 320 or not small else ():
            name = f"{size[0]}x{size[1]}"
            yield name, gop, encode(source, folder / f"{name}-{gop}.mp4", size, gop)
