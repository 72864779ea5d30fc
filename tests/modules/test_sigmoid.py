"""The sigmoid loss against golden values, a loop over pairs, and differences."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from mmssl.modules import tiles
from mmssl.modules.scores import Pooled
from mmssl.modules.sigmoid import INITIAL_BIAS, INITIAL_LOG_SCALE, sigmoid_loss
from mmssl.modules.tiles import Side

Scored = Callable[..., tuple[Side, Side]]


def double(value: float) -> Tensor:
    return torch.tensor(value, dtype=torch.float64, requires_grad=True)


def test_golden_values(scored: Scored) -> None:
    step = torch.arange(4, dtype=torch.float64)
    scores = torch.sin(3 * step.unsqueeze(1) + step).unsqueeze(2)
    loss = sigmoid_loss(Pooled(), *scored(scores), double(INITIAL_LOG_SCALE).exp(), double(INITIAL_BIAS))
    assert loss.item() == pytest.approx(11.061230, abs=1e-6)


@pytest.mark.parametrize("count", [1, 2, 900])
def test_vectors_without_likeness_are_all_taken_for_negatives(count: int, scored: Scored) -> None:
    loss = sigmoid_loss(Pooled(), *scored(torch.zeros(count, count, 1)), double(10.0), double(-10.0)).item()
    assert loss == pytest.approx(math.log1p(math.exp(10)) + (count - 1) * math.log1p(math.exp(-10)), rel=1e-5)


@pytest.mark.parametrize("edge", [1, 4, 64])
def test_equals_a_loop_over_pairs(edge: int, scored: Scored, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiles, "_CPU", edge)
    scores = torch.randn(6, 6, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    row_valid, valid = torch.ones(6, dtype=torch.bool), torch.ones(6, 2, dtype=torch.bool)
    row_valid[1], valid[2], valid[4, 1] = False, False, False
    groups = torch.tensor([0, 1, 2, 3, 0, 5])
    total, clips = 0.0, set()
    for i in range(6):
        for j in range(6):
            for k in range(2):
                if row_valid[i] and valid[j, k] and (i == j or groups[i] != groups[j]):
                    sign = 1 if i == j else -1
                    total += math.log1p(math.exp(-sign * (3 * scores[i, j, k].item() - 2)))
                    clips |= {i} if i == j else set()
    assert clips == {0, 3, 4, 5}
    sides = scored(scores, row_valid, valid, groups)
    assert sigmoid_loss(Pooled(), *sides, double(3.0), double(-2.0)).item() == pytest.approx(total / 4)


def test_gradient_is_that_of_differences(scored: Scored, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiles, "_CPU", 4)
    rows, columns = scored(torch.randn(5, 5, 2, dtype=torch.float64), groups=torch.tensor([0, 1, 2, 1, 4]))

    def function(pooled: Tensor, candidates: Tensor, scale: Tensor, bias: Tensor) -> Tensor:
        both = Side((rows.vectors[0], pooled), *rows[1:]), Side((candidates,), *columns[1:])
        return sigmoid_loss(Pooled(), *both, scale, bias) * 0.7

    vectors = (rows.vectors[1].requires_grad_(), columns.vectors[0].requires_grad_())
    assert torch.autograd.gradcheck(function, (*vectors, double(2.0), double(-1.0)))


def test_nothing_there_is_zero_and_nan_is_not_hidden(scored: Scored) -> None:
    scores = torch.randn(4, 4, 1, dtype=torch.float64)
    nobody = scored(scores, row_valid=torch.zeros(4, dtype=torch.bool))
    assert sigmoid_loss(Pooled(), *nobody, double(10.0), double(-10.0)) == 0
    scores[1, 2] = torch.nan
    assert sigmoid_loss(Pooled(), *scored(scores), double(10.0), double(-10.0)).isnan()
