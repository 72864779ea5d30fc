"""Pieces of sound on a time line."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mmssl.data.decode.timeline import Piece, mono, window


def tone(time: float, seconds: float, rate: int) -> Piece:
    at = time + np.arange(round(seconds * rate)) / rate
    return Piece(time, rate, np.sin(2 * np.pi * 440 * at).astype(np.float32))


@pytest.mark.fault("A2")
@pytest.mark.parametrize("native", [8_000, 11_025, 22_050, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("rate", [16_000, 24_000, 44_100])
def test_a_tone_keeps_its_phase_at_every_rate(native: int, rate: int) -> None:
    pieces = [tone(index * 0.24, 0.24, native) for index in range(8)]
    for start, samples in ((0.5, 7_000), (0.731, 4_001)):
        # The grid of the source is `native`: half a sample of it is all the error there may be.
        at = round(start * native) / native + np.arange(samples) / rate
        np.testing.assert_allclose(window(pieces, start, samples, rate), np.sin(2 * np.pi * 440 * at), atol=2e-3)


def test_times_rounded_to_a_millisecond_do_not_tear_the_sound() -> None:
    rate = 44_100
    exact = [tone(index * 1024 / rate, 1024 / rate, rate) for index in range(60)]
    rounded = [Piece(round(piece.time, 3), rate, piece.samples) for piece in exact]
    np.testing.assert_allclose(window(rounded, 0.2, 30_000, rate), window(exact, 0.2, 30_000, rate), atol=0.04)


@pytest.mark.fault("A3")
def test_gaps_rates_and_edges() -> None:
    pieces = [
        Piece(0.0, 16_000, np.full(8_000, 0.5, np.float32)),
        Piece(1.0, 48_000, np.full(24_000, 0.25, np.float32)),
    ]
    sound = window(pieces, -0.25, 32_000, 16_000)
    np.testing.assert_allclose(sound[4_000:12_000], 0.5)
    np.testing.assert_allclose(sound[20_100:27_900], 0.25, atol=1e-3)
    assert not np.concatenate([sound[:4_000], sound[12_000:19_900], sound[28_100:]]).any()
    assert window([], 0.0, 5, 16_000).tolist() == [0.0] * 5


@pytest.mark.fault("A1")
@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        (np.array([[0, 255], [128, 255]], np.uint8), [-0.5, 127 / 128]),
        (np.array([[16_384], [0]], np.int16), [0.25]),
        (np.array([[-(2**31)], [-(2**31)]], np.int32), [-1.0]),
        (np.array([[0.5], [-0.25]], np.float64), [0.125]),
    ],
)
def test_mono_is_the_mean_of_the_channels(samples: NDArray[Any], expected: list[float]) -> None:
    mixed = mono(samples)
    assert mixed.dtype == np.float32
    np.testing.assert_allclose(mixed, expected, atol=1e-6)
