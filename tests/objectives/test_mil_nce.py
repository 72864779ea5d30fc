"""MIL-NCE against golden values and a loop from the equation, the released form beside it."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from mmssl.batch import Batch
from mmssl.encoder import Encoder
from mmssl.modules.contrast import Contrast, contrast
from mmssl.modules.scores import Pooled
from mmssl.modules.tiles import Side
from mmssl.objectives.contrastive.mil_nce import MILNCE, mil_nce, mil_nce_as_released

Scored = Callable[..., tuple[Side, Side]]
Sample = Callable[..., Batch]
Tiny = dict[str, type[Encoder]]


def of(sides: tuple[Side, Side]) -> Contrast:
    return contrast(Pooled(), *sides, torch.tensor(1.0, dtype=torch.float64))


def test_golden_values(scored: Scored) -> None:
    i, k = torch.arange(3, dtype=torch.float64), torch.arange(2)
    pairs = of(scored(torch.sin(3 * i.view(3, 1, 1) + i.unsqueeze(1) + 0.5 * k)))
    assert mil_nce(pairs).item() == pytest.approx(1.918259, abs=1e-6)
    assert mil_nce_as_released(pairs).item() == pytest.approx(2.076701, abs=1e-6)
    same = of(scored(torch.zeros(3, 3, 4, dtype=torch.float64)))
    assert mil_nce(same).item() == pytest.approx(math.log(5))
    assert mil_nce_as_released(same).item() == pytest.approx(math.log(6))


@pytest.mark.parametrize("twice", [False, True], ids=["paper", "released"])
def test_equals_a_loop_over_bags(twice: bool, scored: Scored) -> None:
    scores = 4 * torch.randn(6, 6, 3, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    row_valid, valid = torch.ones(6, dtype=torch.bool), torch.ones(6, 3, dtype=torch.bool)
    row_valid[1], valid[2], valid[4, 1:] = False, False, False
    groups = torch.tensor([0, 1, 2, 3, 4, 0])

    def power(i: int, j: int, k: int) -> float:
        there = row_valid[i] and valid[j, k] and (i == j or groups[i] != groups[j])
        return math.exp(scores[i, j, k]) if there else 0.0

    losses = []
    for i in range(6):
        own = sum(power(i, i, k) for k in range(3))
        captions = sum(power(i, j, k) for j in range(6) for k in range(3) if j != i)
        clips = sum(power(j, i, k) for j in range(6) for k in range(3) if j != i and valid[i, k])
        if own:
            losses.append(-math.log(own / (own * (2 if twice else 1) + captions + clips)))
    assert len(losses) == 4
    loss = (mil_nce_as_released if twice else mil_nce)(of(scored(scores, row_valid, valid, groups)))
    assert loss.item() == pytest.approx(sum(losses) / 4)


def test_certain_clips_cost_nothing_and_have_a_gradient(scored: Scored) -> None:
    scores = torch.full((4, 4, 2), -60.0, dtype=torch.float64) + 120 * torch.eye(4).unsqueeze(2)
    rows, columns = scored(scores)
    pooled: Tensor = rows.vectors[1].requires_grad_()
    loss = mil_nce(of((rows, columns)))
    torch.autograd.backward(loss)
    assert loss.item() == pytest.approx(0, abs=1e-12)
    assert pooled.grad is not None
    assert pooled.grad.isfinite().all()


def test_no_bag_no_loss(scored: Scored) -> None:
    rows, columns = scored(torch.randn(3, 3, 2, dtype=torch.float64), valid=torch.zeros(3, 2, dtype=torch.bool))
    pooled: Tensor = rows.vectors[1].requires_grad_()
    for form in (mil_nce, mil_nce_as_released):
        loss = form(of((rows, columns)))
        torch.autograd.backward(loss)
        assert loss == 0
    assert pooled.grad is not None
    assert (pooled.grad == 0).all()


def test_objective_is_the_loss_of_plain_products(tiny: Tiny, sample: Sample) -> None:
    batch = sample(6, captions=3)
    for form in (mil_nce, mil_nce_as_released):
        torch.manual_seed(0)
        objective = MILNCE(video=tiny["video"](), text=tiny["text"](), dim=12, loss=form)
        vectors = objective.represent(batch)
        # Longer than any cosine: nothing may be normalized or divided by a temperature on the way.
        keys = torch.arange(6).unsqueeze(1)
        rows = Side((vectors["video"][:, :0], vectors["video"]), torch.ones(6, dtype=torch.bool), keys)
        columns = Side((vectors["text"],), torch.ones(6, 3, dtype=torch.bool), keys.unsqueeze(1).expand(6, 3, 1))
        expected = form(contrast(Pooled(), rows, columns, torch.tensor(1.0)))
        torch.testing.assert_close(objective(batch)[0], expected)


def test_products_are_float32_under_autocast(tiny: Tiny, sample: Sample, monkeypatch: pytest.MonkeyPatch) -> None:
    objective, batch = MILNCE(video=tiny["video"](), text=tiny["text"](), dim=12), sample()
    vectors = {name: 30 * vector.detach() for name, vector in objective.represent(batch).items()}
    monkeypatch.setattr(objective, "represent", lambda _: vectors)
    expected = objective(batch)[0]
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(objective(batch)[0], expected)
