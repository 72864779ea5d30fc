"""Decoded pieces of sound put on a time line, then resampled: gaps become silence, edges stay clean."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray

# Matroska rounds times to 1 ms, so pieces that follow each other seem up to 1 ms apart; real gaps are longer.
JITTER = 0.0025  # s
# Sound beyond both ends that the resampler's filter sees; soxr HQ is shorter than 20 ms at 8 kHz and above.
MARGIN = 0.04  # s


# Kinds of samples whose sums float32 holds, and what makes the sum of two their mean in [-1, 1].
_EXACT = {np.dtype(np.float32): np.float32(0.5), np.dtype(np.int16): np.float32(0.5**16)}


@dataclass(frozen=True)
class Piece:
    """Mono samples that begin at second `time` of the recording."""

    time: float
    sample_rate: int
    samples: NDArray[np.float32]  # [n]


def mono(channels: Sequence[NDArray[Any]] | NDArray[Any]) -> NDArray[np.float32]:
    """The mean of the channels, in [-1, 1] for integer samples.

    swresample's own mono is 0.707 (left + right), 3 dB louder than what librosa and soundfile users get.

    Args:
        channels: `[channels, n]`, uint8, int16, int32, int64 or float.
    """
    kind = channels[0].dtype
    if len(channels) <= 2 and kind in _EXACT:
        # The same numbers as below, several times as fast: these sums are exact, or rounded once.
        mixed: NDArray[np.float32] = np.add(channels[0], channels[-1], dtype=np.float32)
        mixed *= _EXACT[kind]
        return mixed
    samples = np.asarray(channels)
    if kind == np.uint8:
        samples = (samples.astype(np.int16) - 128) * 256
    scale = -float(np.iinfo(samples.dtype).min) if samples.dtype.kind == "i" else 1.0
    return np.asarray(samples.mean(axis=0, dtype=np.float64) / scale, np.float32)


def window(pieces: Iterable[Piece], start: float, samples: int, sample_rate: int) -> NDArray[np.float32]:
    """`[samples]` from second `start` on at `sample_rate`; silence where no piece is.

    Pieces should reach `MARGIN` beyond both ends. Where the sampling rate changes, the first one's is kept as the grid.
    """
    runs = _runs(pieces)
    if not runs:
        return np.zeros(samples, np.float32)
    native = runs[0].sample_rate
    # A margin that is a whole number of samples at both rates keeps the two grids aligned.
    unit = math.gcd(native, sample_rate)
    units = math.ceil(MARGIN * unit)
    before, after = units * native // unit, math.ceil(samples * native / sample_rate) + units * native // unit
    line = _line(runs, round(start * native) - before, before + after)
    # Where nothing is resampled, a copy: the line may be a view of a piece that is kept.
    line = line.copy() if native == sample_rate else soxr.resample(line, native, sample_rate, quality="HQ")
    skip = units * sample_rate // unit
    line = line[skip : skip + samples]
    return line if len(line) == samples else np.pad(line, (0, samples - len(line)))


def _runs(pieces: Iterable[Piece]) -> list[Piece]:
    """Pieces joined where one follows another; a run begins in the middle of where its pieces say that it does.

    Rounded times err by at most half a tick either way, so the middle of their range is nearer than their mean.
    """
    runs: list[Piece] = []
    group: list[Piece] = []
    offsets: list[float] = []  # where each piece says that its group begins
    length = 0
    for piece in pieces:
        begins = piece.time - length / piece.sample_rate
        follows = group and piece.sample_rate == group[0].sample_rate and abs(begins - offsets[-1]) <= JITTER
        if group and not follows:
            runs.append(_joined(group, offsets))
            group, offsets, length, begins = [], [], 0, piece.time
        group.append(piece)
        offsets.append(begins)
        length += len(piece.samples)
    return [*runs, _joined(group, offsets)] if group else runs


def _joined(group: list[Piece], offsets: list[float]) -> Piece:
    samples = [piece.samples for piece in group]
    whole = samples[0] if len(samples) == 1 else np.concatenate(samples)
    return Piece((min(offsets) + max(offsets)) / 2, group[0].sample_rate, whole)


def _line(runs: list[Piece], first: int, length: int) -> NDArray[np.float32]:
    """`[length]` samples at the first run's rate, from its sample `first` of the recording on; not to be written to."""
    native = runs[0].sample_rate
    skip = first - round(runs[0].time * native)
    if len(runs) == 1 and 0 <= skip <= len(runs[0].samples) - length:
        return runs[0].samples[skip : skip + length]
    line = np.zeros(length, np.float32)
    for run in runs:
        _place(line, run, first, native)
    return line


def _place(line: NDArray[np.float32], run: Piece, first: int, native: int) -> None:
    """Write a run into a line whose sample 0 is sample `first` of the recording."""
    samples = run.samples
    if run.sample_rate != native:
        samples = soxr.resample(samples, run.sample_rate, native, quality="HQ")
    at = round(run.time * native) - first
    begin, end = max(0, at), min(len(line), at + len(samples))
    if begin < end:
        line[begin:end] = samples[begin - at : end - at]
