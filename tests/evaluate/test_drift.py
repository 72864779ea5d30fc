"""The slope of the offset, from distances that are known."""

import pytest
import torch
from torch import Tensor

from mmssl.evaluate.drift import drift

STEP, REACH = 0.04, 15
pytestmark = pytest.mark.fault("A11")


def distances(seconds: float, slope: float, start: float = 0.0, noise: float = 0.3, seed: int = 0) -> Tensor:
    """`[W, K]`, least where the sound is `start + slope * t` seconds late."""
    time = STEP * torch.arange(round(seconds / STEP))
    shifts = STEP * torch.arange(-REACH, REACH + 1)
    away = shifts - (start + slope * time)[:, None]
    drawn = torch.randn(away.shape, generator=torch.Generator().manual_seed(seed))
    return 1 - torch.exp(-((away / 0.08) ** 2)) + noise * drawn


@pytest.mark.parametrize("slope", [0.001, -0.002, 0.006])
@pytest.mark.parametrize("seed", range(3))
def test_a_drift_is_told(slope: float, seed: int) -> None:
    assert drift(distances(90, slope, -0.1, seed=seed), STEP) == pytest.approx(slope, abs=0.0003)


@pytest.mark.parametrize("seed", range(20))
def test_what_is_constant_or_noise_does_not_drift(seed: int) -> None:
    assert drift(distances(90, 0.0, 0.13, seed=seed), STEP) is None
    assert drift(torch.rand(2250, 2 * REACH + 1, generator=torch.Generator().manual_seed(seed)), STEP) is None


def test_what_is_too_short_or_unknown() -> None:
    assert drift(distances(29, 0.01), STEP) is None
    assert drift(torch.full((2250, 2 * REACH + 1), torch.nan), STEP) is None
    part = distances(90, 0.002)
    part[:300] = torch.nan  # silence at the start
    assert drift(part, STEP) == pytest.approx(0.002, abs=0.0003)
