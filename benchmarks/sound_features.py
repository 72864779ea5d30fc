"""Resampling and log-mel spectrograms: mmssl beside torchaudio, librosa, SciPy and soxr as they are commonly used.

python -m benchmarks.sound_features --out benchmarks/results/sound_features

Seconds of sound a processor second, one thread; each round takes all ways in turn, and the ratio is that of medians
over rounds. Log-mel: 128 bins, windows of 25 ms every 10 ms, of a batch at 16 kHz. Resampling: mono clips, by
torchaudio as a batch; the alias is what a tone at 1.25 times half the new rate leaves, in dB under the tone: it should
leave nothing, so torchaudio's default is to be compared with what is as rough, and its kaiser_best with soxr HQ.
"""

import argparse
import importlib
import math
import warnings
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import librosa
import numpy as np
import scipy.signal
import soxr
import torch
import torchaudio
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.machine import setting
from benchmarks.rounds import seconds_of
from benchmarks.tables import Row, markdown, write
from mmssl.data.decode.timeline import Piece, window
from mmssl.modules.compression import Log
from mmssl.modules.spectrogram import AudioFrontEnd, Centered, Mel, Power, Stft

RATE, BINS, WIN, HOP = 16_000, 128, 400, 160
Sound = NDArray[np.float32]
Resample = Callable[[Sound], Sound]  # [clips, n] to [clips, m]


def log_mels(sound: Tensor, n_fft: int) -> dict[str, Callable[[], object]]:
    """Ways to the log-mel spectrogram of `[B, S]`, torchaudio's first."""
    mel = torchaudio.transforms.MelSpectrogram(RATE, n_fft=n_fft, win_length=WIN, hop_length=HOP, n_mels=BINS)
    steps = (Power(), Mel(RATE, BINS, n_fft, scale="htk", norm=None), Log(1e-6))
    front_end = AudioFrontEnd(RATE, Stft(WIN, HOP, n_fft, padding=Centered("reflect")), *steps)
    kaldi: Any = importlib.import_module("torchaudio.compliance.kaldi")
    expected, ours = mel(sound).clamp(min=1e-6).log().transpose(1, 2), front_end(sound)
    torch.testing.assert_close(ours, expected, atol=1e-4, rtol=1e-4)

    def by_librosa() -> object:
        power = librosa.feature.melspectrogram(
            y=sound.numpy(), sr=RATE, n_fft=n_fft, win_length=WIN, hop_length=HOP, n_mels=BINS
        )
        return np.log(np.maximum(power, 1e-6))

    return {
        "torchaudio, the batch": lambda: mel(sound).clamp(min=1e-6).log(),
        "torchaudio, one by one": lambda: torch.stack([mel(clip).clamp(min=1e-6).log() for clip in sound]),
        "torchaudio kaldi.fbank": lambda: torch.stack(
            [kaldi.fbank(clip[None], num_mel_bins=BINS, sample_frequency=RATE, dither=0.0) for clip in sound]
        ),
        "librosa, the batch": by_librosa,
        "mmssl AudioFrontEnd": lambda: front_end(sound),
    }


def resamplers(old: int, new: int) -> dict[str, Resample]:
    """Ways from one sampling rate to another, torchaudio's default first."""
    plain = torchaudio.transforms.Resample(old, new)
    best = torchaudio.transforms.Resample(
        old, new, lowpass_filter_width=64, rolloff=0.9475937167399596, resampling_method="sinc_interp_kaiser",
        beta=14.769656459379492,
    )  # fmt: skip
    shared = math.gcd(old, new)

    def each(one: Callable[[Sound], Sound]) -> Resample:
        return lambda clips: np.stack([one(clip) for clip in clips])

    def by_soxr(quality: str) -> Resample:
        return each(lambda clip: soxr.resample(clip, old, new, quality=quality))

    def by_mmssl(clip: Sound) -> Sound:
        return window([Piece(0.0, old, clip)], 0.0, len(clip) * new // old, new)

    return {
        "torchaudio": lambda clips: plain(torch.from_numpy(clips)).numpy(),
        "torchaudio, one by one": each(lambda clip: plain(torch.from_numpy(clip)).numpy()),
        "torchaudio kaiser_best": lambda clips: best(torch.from_numpy(clips)).numpy(),
        "soxr MQ": by_soxr("MQ"),
        "soxr HQ": by_soxr("HQ"),
        "soxr VHQ": by_soxr("VHQ"),
        "librosa": lambda clips: librosa.resample(clips, orig_sr=old, target_sr=new),
        "SciPy resample_poly": lambda clips: scipy.signal.resample_poly(clips, new // shared, old // shared, axis=1),
        "mmssl timeline.window": each(by_mmssl),
    }


def alias(resample: Resample, old: int, new: int) -> float:
    """What is left, in dB, of a tone that the new rate cannot hold."""
    tone = np.sin(2 * np.pi * 1.25 * new / 2 / old * np.arange(4 * old)).astype(np.float32)
    left = resample(tone[None])[0].astype(np.float64)
    left = left[len(left) // 4 : -len(left) // 4]  # both ends ring, whoever resamples
    return float(10 * np.log10(np.mean(left**2) / 0.5 + 1e-30))


def rows_of(
    task: str, ways: Mapping[str, Callable[[], object]], sound: float, rounds: int, alias: Mapping[str, float]
) -> list[Row]:
    """One row a way; ratios to the first one."""
    spent = seconds_of(ways, rounds)
    base = spent[next(iter(ways))]
    return [
        {
            "task": task,
            "way": way,
            "seconds of sound a CPU second": sound / seconds,
            "times torchaudio": base / seconds,
            "alias, dB": alias.get(way),
        }
        for way, seconds in spent.items()
    ]


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/sound_features"))
    parser.add_argument("--rounds", type=int, default=9)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", message="At least one mel filterbank")
    rows, generator = list[Row](), torch.Generator().manual_seed(0)
    for clips, seconds, n_fft in ((16, 10, 400), (16, 10, 512), (128, 1, 512)):
        sound = 0.1 * torch.randn(clips, seconds * RATE, generator=generator)
        task = f"log-mel of {clips} x {seconds} s, {n_fft} points"
        rows += rows_of(task, log_mels(sound, n_fft), clips * seconds, asked.rounds, {})
    for clips, seconds, old, new in ((8, 10, 48_000, 16_000), (64, 1, 48_000, 16_000), (64, 1, 44_100, 16_000)):
        waves = np.random.default_rng(0).normal(0, 0.1, (clips, seconds * old)).astype(np.float32)
        ways = resamplers(old, new)
        left = {way: alias(resample, old, new) for way, resample in ways.items()}
        calls = {way: partial(resample, waves) for way, resample in ways.items()}
        rows += rows_of(f"{old} to {new} Hz, {clips} x {seconds} s", calls, clips * seconds, asked.rounds, left)
    write(asked.out, setting(torch.device("cpu"), "torchaudio", "librosa", "soxr", "scipy"), rows)
    print(markdown(rows))


if __name__ == "__main__":
    main()
