"""From distances to an offset: masked ends, ties, unknown and constant distances, and how far the answer is trusted."""

import pytest
import torch
from torch import Tensor

from mmssl.evaluate.offsets import answer, certainty, credit, curve, finer, runs

REACH = 5


def volume(windows: int = 60, true: int = 2, depth: float = 1.0, seed: int = 0, level: float = 0.0) -> Tensor:
    """Noise with a dip at a shift, each window on its own level; what is beyond the clip's ends is NaN."""
    generator = torch.Generator().manual_seed(seed)
    distances = 3 + 0.3 * torch.randn(windows, 2 * REACH + 1, generator=generator)
    distances += level * torch.randn(windows, 1, generator=generator)
    distances[:, true + REACH] -= depth
    at = torch.arange(windows).unsqueeze(1) + torch.arange(-REACH, REACH + 1)
    return distances.masked_fill((at < 0) | (at >= windows), torch.nan)


def test_where_all_is_known_it_is_the_mean() -> None:
    known = torch.rand(3, 20, 7)
    torch.testing.assert_close(curve(known), known.double().mean(1))


@pytest.mark.parametrize("true", range(-REACH, REACH + 1))
def test_no_bias_at_the_ends(true: int) -> None:
    """The first windows are farther from everything and know no shift to before the clip: a mere mean goes there."""
    distances = volume(12, true, depth=0.8)
    distances[:3] += 10
    assert answer(curve(distances)).steps == true
    assert true < -2 or answer(distances.nanmean(0)).steps != true


def test_a_shift_that_few_windows_know_is_unknown() -> None:
    mean = curve(volume(7))
    assert mean.isnan().tolist() == [True, True] + [False] * 7 + [True, True]
    assert answer(torch.full((3,), torch.nan)).steps.isnan()
    assert answer(curve(torch.full((4, 3), torch.nan))).confidence.isnan()


def test_confidence_and_distance() -> None:
    mean = torch.tensor([5.0, 4.0, 1.0, 4.5, torch.nan])
    found = answer(mean)
    assert [value.item() for value in found] == pytest.approx([0, 1, 3.25])


def test_equal_distances_judge_as_chance_and_are_not_trusted() -> None:
    constant = torch.ones(2, 40, 11)
    mean, true = curve(constant), torch.tensor([3, 0])
    assert credit(mean, true, 0).tolist() == pytest.approx([1 / 11] * 2)
    assert credit(mean, true, 1).tolist() == pytest.approx([3 / 11] * 2)
    found = answer(mean)
    assert found.steps.tolist() == [0, 0]
    assert found.confidence.tolist() == [0, 0]
    assert certainty(constant[0], 0.04) == 0
    assert finer(mean).tolist() == [0, 0]


def test_a_tie_of_two_counts_half() -> None:
    mean = torch.tensor([[1.0, 2.0, 2.0, 2.0, 1.0]]).double()
    assert credit(mean, torch.tensor([2]), 0).item() == 0.5
    assert credit(mean, torch.tensor([0]), 0).item() == 0


def test_runs_are_of_neighbors_that_know_every_shift() -> None:
    distances = volume(30)
    assert runs(distances, 1).shape == (20, 11)
    assert runs(distances, 5).shape == (20, 11)
    assert runs(distances[:4], 5).shape == (0, 11)
    torch.testing.assert_close(runs(distances, 1)[0], distances[5].double())


def test_more_windows_find_more() -> None:
    true = torch.tensor(2)
    right = [float(credit(runs(volume(200, depth=0.3), n), true, 0).mean()) for n in (1, 5, 25)]
    assert right == sorted(right)
    assert right[0] < 0.6
    assert right[2] > 0.95


def test_certainty_tells_a_dip_from_noise() -> None:
    dips = [certainty(volume(90, seed=seed, level=1), 0.04) for seed in range(20)]
    noise = [certainty(volume(90, depth=0, seed=seed, level=1), 0.04) for seed in range(20)]
    assert min(dips) == 1
    assert sum(value >= 0.95 for value in noise) <= 1
    assert certainty(torch.full((50, 5), torch.nan), 0.04) == 0
    assert certainty(torch.empty(0, 5), 0.04) == 0
    assert certainty(volume(100), 0.04, seed=3) == certainty(volume(100), 0.04, seed=3)


def test_a_parabola_finds_its_vertex() -> None:
    shifts = torch.arange(-5, 6).double()
    assert finer((shifts - 1.3) ** 2).item() == pytest.approx(1.3)
    assert finer((shifts + 5.4) ** 2).item() == -5  # at the end nothing is known beyond
    broken = (shifts - 1.3) ** 2
    broken[7] = torch.nan
    assert finer(broken).item() == 1
