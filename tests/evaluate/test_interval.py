"""The bootstrap interval: seeded, and as wide as theory says."""

import pytest
import torch

from mmssl.evaluate.interval import bootstrap, described, median


def test_mean_interval_is_that_of_the_normal_law() -> None:
    values = torch.randn(400, generator=torch.Generator().manual_seed(0))
    low, high = bootstrap(values)
    half = 1.96 * values.std().item() / 20
    assert low == pytest.approx(values.mean().item() - half, abs=0.03)
    assert high == pytest.approx(values.mean().item() + half, abs=0.03)
    assert bootstrap(values) == (low, high)
    assert bootstrap(values, seed=1) != (low, high)


def test_median_takes_the_middle_of_two() -> None:
    assert median(torch.tensor([1.0, 2.0, 3.0, 10.0])).item() == 2.5


def test_described() -> None:
    numbers = described("R@1", torch.ones(5), chance=0.2)
    assert numbers == {"R@1": 1, "R@1/low": 1, "R@1/high": 1, "R@1/chance": 0.2}
