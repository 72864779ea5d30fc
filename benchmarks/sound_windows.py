"""Windows of sound a second of one processor core: `PyAVReader` beside torchcodec, PyAV, soundfile and librosa.

python -m benchmarks.sound_windows                            writes benchmarks/results/sound_windows.md and .json

A window is 1 s or 10 s of one channel at the file's own sampling rate, as float32, from a random place of a 60 s file
that is opened for it and closed again. Each reader is used as its documentation says. mmssl reads the packet table of
each window from the cache folder, where the first visit left it, as in a data set of more recordings than it remembers;
"table in memory" is of one that it remembers. A dash: a reader does not open such files.
"""

import argparse
import importlib
import random
import tempfile
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from fractions import Fraction
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.machine import setting
from benchmarks.natural_films import content, encode
from benchmarks.rounds import seconds_each
from benchmarks.tables import Row, markdown, write
from mmssl.data.decode.pyav import PyAVReader
from mmssl.data.packets.store import STORE

SECONDS, RATE = 60.0, 44_100
IN_MEMORY = "mmssl, table in memory"
Sound = NDArray[np.float32]
Window = tuple[float, float]  # start and length, seconds
Read = Callable[[str, Window], Sound]
# Name of a file, encoder, Hz, options.
FILES: list[tuple[str, str, int, dict[str, str]]] = [
    ("sound.m4a", "aac", RATE, {"b": "128k"}),
    ("sound.mp3", "mp3", RATE, {"b": "128k"}),
    ("sound.opus", "libopus", 48_000, {"b": "96k"}),
    ("sound.flac", "flac", RATE, {}),
    ("sound.wav", "pcm_s16le", RATE, {}),
]


def mmssl(path: str, window: Window, *, remember: bool = False) -> Sound:
    """The default reader, which remembers no table from the visit before unless it is told to."""
    if not remember:
        STORE.forget()
    with PyAVReader().open(path, path) as media:
        rate = 0 if media.info.audio is None else media.info.audio.sample_rate
        return media.sound(window[0], round(window[1] * rate), rate)


def torchcodec(path: str, window: Window) -> Sound:
    """By time; the mean of the channels."""
    decoders: Any = importlib.import_module("torchcodec.decoders")
    got = decoders.AudioDecoder(path).get_samples_played_in_range(window[0], window[0] + window[1])
    sound: Sound = got.data.mean(0).numpy()
    return sound


def pyav(path: str, window: Window) -> Sound:
    """Seek, decode up to the end, cut; the mean of the channels."""
    start, end = window[0], window[0] + window[1]
    with av.open(path) as container:
        stream = container.streams.audio[0]
        container.seek(int(start * 1_000_000))
        pieces, first = list[NDArray[Any]](), 0.0
        for frame in container.decode(stream):
            if not pieces:
                first = frame.time or 0.0
            piece = frame.to_ndarray()
            pieces.append(piece if frame.format.is_planar else piece.reshape(-1, frame.layout.nb_channels).T)
            if (frame.time or 0.0) + frame.samples / frame.sample_rate >= end:
                break
        begin = round((start - first) * stream.rate)
        samples = np.concatenate(pieces, axis=1)[:, begin : begin + round(window[1] * stream.rate)]
    sound: Sound = samples.mean(0, dtype=np.float32)
    return sound if samples.dtype == np.float32 else sound / np.float32(32768)


def soundfile(path: str, window: Window) -> Sound:
    """Seek and read; the mean of the channels."""
    module: Any = importlib.import_module("soundfile")
    with module.SoundFile(path) as file:
        file.seek(round(window[0] * file.samplerate))
        sound: Sound = file.read(round(window[1] * file.samplerate), dtype="float32", always_2d=True).mean(1)
    return sound


def librosa(path: str, window: Window) -> Sound:
    """By time; it mixes to one channel itself."""
    module: Any = importlib.import_module("librosa")
    warnings.simplefilter("ignore")  # one at each window of AAC, which it reads in a way that it no longer recommends
    sound: Sound = module.load(path, sr=None, mono=True, offset=window[0], duration=window[1])[0]
    return sound


def readers() -> dict[str, Read]:
    """Those that are installed, ours first."""
    found: dict[str, Read] = {"mmssl": mmssl, IN_MEMORY: partial(mmssl, remember=True), "PyAV": pyav}
    others: dict[str, Read] = {"torchcodec": torchcodec, "soundfile": soundfile, "librosa": librosa}
    return found | {name: read for name, read in others.items() if find_spec(name) is not None}


def able(read: Read, path: str) -> bool:
    """Whether it opens such a file; whatever it raises says no, since this is about other libraries."""
    with suppress(Exception):
        return len(read(path, (1.0, 1.0))) > 0
    return False


def make(source: Path, folder: Path) -> dict[str, Path]:
    """Files of one sound, 60 s of the source's over and over."""
    with av.open(str(source)) as film:
        resampler = av.AudioResampler("s16", "stereo", RATE)
        frames = [f for frame in film.decode(film.streams.audio[0]) for f in resampler.resample(frame)]
    wave = np.concatenate([frame.to_ndarray().reshape(-1, 2) for frame in frames])
    wave = np.tile(wave, (int(SECONDS * RATE) // len(wave) + 1, 1))[: int(SECONDS * RATE)]
    made = {}
    for name, codec, rate, options in FILES:
        made[name] = folder / name
        with av.open(str(made[name]), "w") as container:
            stream: Any = container.add_stream(codec, rate=rate, layout="stereo", options=options)
            resampler = av.AudioResampler(stream.format, "stereo", rate, stream.codec_context.frame_size or 1024)
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(wave.reshape(1, -1)), "s16", "stereo")
            frame.sample_rate, frame.time_base, frame.pts = RATE, Fraction(1, RATE), 0
            for piece in (*resampler.resample(frame), *resampler.resample(None)):
                container.mux(stream.encode(piece))
            container.mux(stream.encode(None))
    film = encode(source, folder / "film.mp4", (320, 240), 48, SECONDS)
    return {"film.mp4": film} | made


def measure(name: str, path: Path, length: float, windows: int, rounds: int) -> list[Row]:
    """Each reader over the same windows in each round."""
    contenders = {reader: partial(read, str(path)) for reader, read in readers().items() if able(read, str(path))}

    def draw(draws: random.Random) -> Sequence[Window]:
        return [(draws.uniform(0, SECONDS - length - 0.1), length) for _ in range(windows)]

    spent = seconds_each(contenders, draw, rounds, seed=0)
    return [
        {
            "file": name,
            "window": f"{length:g} s",
            "reader": reader,
            "windows per CPU second": 1 / spent[reader] if reader in spent else None,
            "mmssl is times as fast": spent[reader] / spent["mmssl"] if reader in spent else None,
            "with its table in memory": spent[reader] / spent[IN_MEMORY] if reader in spent else None,
        }
        for reader in readers()
    ]


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/sound_windows"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--windows", type=int, default=6, help="of each reader in each round")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    packages = ("av", "torchcodec", "soundfile", "librosa")
    facts, rows = setting(torch.device("cpu"), *packages), list[Row]()
    with tempfile.TemporaryDirectory() as folder:
        source, facts["sound"] = content(Path(folder) / "world")
        for name, path in make(source, Path(folder)).items():
            for length in (1.0, 10.0):
                rows += measure(name, path, length, asked.windows, asked.rounds)
    write(asked.out, facts, rows)
    print(markdown(rows))


if __name__ == "__main__":
    main()
