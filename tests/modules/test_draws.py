"""Draws are uniform, independent between seeds, streams and places, and a function of nothing else."""

import pytest
import torch

from mmssl.modules import draws

SEEDS = torch.arange(20_000)


def mixed(x: int) -> int:
    """Splitmix64's finalizer in Python's own integers."""
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) % 2**64
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) % 2**64
    return x ^ (x >> 31)


def bits(seed: int, stream: int, place: int) -> int:
    return mixed((mixed(seed % 2**64) + ((stream << 20) + place) * 0x9E3779B97F4A7C15) % 2**64)


def test_equals_splitmix64_in_whole_numbers() -> None:
    seeds = [0, 1, -1, 2**62, -(2**63), 987654321]
    numbers = draws.uniform(torch.tensor(seeds), 3, 2)
    assert numbers.tolist() == [[(bits(seed, 3, place) >> 40) / 2**24 for place in (1, 2)] for seed in seeds]
    assert draws.integers(torch.tensor(seeds), 3, 1000).tolist() == [bits(seed, 3, 0) % 2**63 % 1000 for seed in seeds]


def test_known_values_never_change() -> None:
    # A run is resumed with the numbers it began with, whatever the version.
    assert draws.integers(torch.tensor([0, 1, -1]), 3, 1000).tolist() == [596, 179, 783]


def test_uniform_in_the_unit_interval() -> None:
    numbers = draws.uniform(SEEDS, 1, 4)
    assert numbers.shape == (20_000, 4)
    assert numbers.dtype == torch.float32
    assert numbers.min() >= 0
    assert numbers.max() < 1
    counts = (numbers * 20).long().flatten().bincount(minlength=20).double()
    chi_squared = ((counts - 4000).square() / 4000).sum().item()
    assert chi_squared < 43.8  # 19 degrees of freedom, one in a thousand


@pytest.mark.parametrize("other", ["stream", "seed", "place"])
def test_independent(other: str) -> None:
    numbers = draws.uniform(SEEDS, 1, 2)
    shifted = {
        "stream": draws.uniform(SEEDS, 2, 1)[:, 0],
        "seed": draws.uniform(SEEDS + 1, 1)[:, 0],
        "place": numbers[:, 1],
    }
    correlation = torch.corrcoef(torch.stack([numbers[:, 0], shifted[other]]))[0, 1]
    assert correlation.abs() < 0.03


def test_integers_are_below_and_even() -> None:
    numbers = draws.integers(SEEDS, 1, 7)
    assert numbers.min() == 0
    assert numbers.max() == 6
    assert (numbers.bincount() - 20_000 / 7).abs().max() < 250
    below = torch.arange(1, 20_001)
    assert (draws.integers(SEEDS, 1, below) < below).all()


def test_count_does_not_change_earlier_places() -> None:
    assert torch.equal(draws.uniform(SEEDS, 5, 3)[:, :2], draws.uniform(SEEDS, 5, 2))
