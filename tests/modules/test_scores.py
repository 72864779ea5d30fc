"""Each pair score against a loop over clips, times and places, and the relations between them."""

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from mmssl.modules.scores import Average, LogSumExpOverPlaces, MaxOverPlaces, PairScore, Pooled

GENERATOR = torch.Generator().manual_seed(0)
PLACES = functional.normalize(torch.randn(3, 4, 2, 5, 8, generator=GENERATOR), dim=-1)
POOLED = functional.normalize(PLACES.flatten(1, -2).mean(1), dim=-1)
OTHER = functional.normalize(torch.randn(6, 8, generator=GENERATOR), dim=-1)


def cosine(a: Tensor, b: Tensor) -> float:
    return float(a @ b / a.norm() / b.norm())


def by_hand(score: str) -> Tensor:
    rows = torch.zeros(3, 6)
    for i in range(3):
        for j in range(6):
            times = []
            for t in range(4):
                each = [cosine(PLACES[i, t, y, x], OTHER[j]) for y in range(2) for x in range(5)]
                soft = 0.1 * math.log(sum(math.exp(c / 0.1) for c in each) / len(each))
                times.append(max(each) if score == "max" else soft)
            rows[i, j] = cosine(POOLED[i], OTHER[j]) if score == "pooled" else sum(times) / 4
    return rows


@pytest.mark.parametrize(
    ("score", "name"), [(Pooled(), "pooled"), (MaxOverPlaces(), "max"), (LogSumExpOverPlaces(0.1), "soft")]
)
def test_equals_the_loop(score: PairScore, name: str) -> None:
    torch.testing.assert_close(score(PLACES, POOLED, OTHER), by_hand(name))


def test_soft_maximum_lies_between_mean_and_maximum() -> None:
    highest = MaxOverPlaces()(PLACES, POOLED, OTHER)
    torch.testing.assert_close(LogSumExpOverPlaces(1e-4)(PLACES, POOLED, OTHER), highest, atol=1e-3, rtol=0)
    mean = (PLACES @ OTHER.T).flatten(1, -2).mean(1)
    torch.testing.assert_close(LogSumExpOverPlaces(1e3)(PLACES, POOLED, OTHER), mean, atol=1e-3, rtol=0)


def test_average() -> None:
    both = Average(Pooled(), MaxOverPlaces())(PLACES, POOLED, OTHER)
    torch.testing.assert_close(both, (by_hand("pooled") + by_hand("max")) / 2)


def test_a_map_of_time_alone_is_one_place_a_time() -> None:
    steps = PLACES[:, :, 0, 0]
    torch.testing.assert_close(
        MaxOverPlaces()(steps, POOLED, OTHER), MaxOverPlaces()(PLACES[:, :, :1, :1], POOLED, OTHER)
    )


def test_who_reads_places_depends_on_them() -> None:
    others = torch.roll(PLACES, 1, 0)
    for score in (Pooled(), MaxOverPlaces(), LogSumExpOverPlaces(), Average(Pooled(), MaxOverPlaces())):
        changed = not torch.equal(score(PLACES, POOLED, OTHER), score(others, POOLED, OTHER))
        assert changed == score.reads_places
    assert not Average(Pooled(), Pooled()).reads_places
