"""Each pair score against a loop over clips, times and places, and the relations between them."""

import math

import pytest
import torch
from torch import Tensor

from mmssl.modules.scores import Average, LogSumExpOverPlaces, MaxOverPlaces, PairScore, Pooled

GENERATOR = torch.Generator().manual_seed(0)
PLACES = torch.randn(3, 4, 2, 5, 8, generator=GENERATOR)
POOLED = PLACES.flatten(1, -2).mean(1)
OTHER = torch.randn(6, 8, generator=GENERATOR)


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
    unit = torch.nn.functional.normalize(PLACES, dim=-1) @ torch.nn.functional.normalize(OTHER, dim=-1).T
    mean = unit.flatten(1, -2).mean(1)
    torch.testing.assert_close(LogSumExpOverPlaces(1e3)(PLACES, POOLED, OTHER), mean, atol=1e-3, rtol=0)


def test_average() -> None:
    both = Average(Pooled(), MaxOverPlaces())(PLACES, POOLED, OTHER)
    torch.testing.assert_close(both, (by_hand("pooled") + by_hand("max")) / 2)


def test_a_map_of_time_alone_is_one_place_a_time() -> None:
    steps = PLACES[:, :, 0, 0]
    torch.testing.assert_close(
        MaxOverPlaces()(steps, POOLED, OTHER), MaxOverPlaces()(PLACES[:, :, :1, :1], POOLED, OTHER)
    )


def test_float32_under_autocast_and_no_nan_at_zero() -> None:
    zeros = torch.zeros_like(PLACES).requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        scores = MaxOverPlaces()(PLACES.bfloat16(), POOLED.bfloat16(), OTHER.bfloat16())
        torch.autograd.backward(MaxOverPlaces()(zeros, POOLED, OTHER).sum())
    assert scores.dtype == torch.float32
    torch.testing.assert_close(scores, MaxOverPlaces()(*(x.bfloat16().float() for x in (PLACES, POOLED, OTHER))))
    assert zeros.grad is not None
    assert zeros.grad.isfinite().all()
