"""Max-margin ranking against golden values and a loop over videos of several clips."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from mmssl.batch import Batch
from mmssl.encoder import Encoder
from mmssl.modules.heads import GatedUnit
from mmssl.objectives.contrastive.max_margin import MaxMargin, hinges, weighed

Sample = Callable[..., Batch]
Changed = Callable[..., Batch]
Tiny = dict[str, type[Encoder]]


def of(scores: Tensor, videos: Tensor, within: float = 0.5) -> Tensor:
    other, same = ~torch.eye(len(scores), dtype=torch.bool), videos.unsqueeze(1) == videos
    own = scores.diagonal()
    return weighed(hinges(scores, own, own, 0.1), other & same, other & ~same, within)


def test_golden_values() -> None:
    step = torch.arange(4, dtype=torch.float64)
    scores = torch.sin(3 * step.unsqueeze(1) + step)
    assert of(scores, step).item() == pytest.approx(0.949167, abs=1e-6)
    # The released mean has the true pairs, each twice the margin.
    assert (3 * of(scores, step).item() + 2 * 0.1) / 4 == pytest.approx(0.761875, abs=1e-6)
    assert of(torch.zeros(4, 4, dtype=torch.float64), step).item() == pytest.approx(0.2)


def test_equals_a_loop_over_videos() -> None:
    scores = torch.randn(9, 9, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    videos = torch.tensor([0, 0, 0, 1, 1, 1, 2, 2, 2])
    near: list[float] = []
    far: list[float] = []
    for i in range(9):
        for j in range(9):
            value = max(0.1 + float(scores[i, j] - scores[i, i]), 0) + max(0.1 + float(scores[i, j] - scores[j, j]), 0)
            if i != j:
                (near if videos[i] == videos[j] else far).append(value)
    assert len(near) == 18
    assert len(far) == 54
    assert of(scores, videos, 0.3).item() == pytest.approx(0.3 * sum(near) / 18 + 0.7 * sum(far) / 54)
    # Half of the weight is the paper's block mask: 3 videos of 3 clips, so a pair of one video counts 54 / 18 as much.
    weights = torch.where(videos.unsqueeze(1) == videos, 2.0, 2 / 3) * ~torch.eye(9, dtype=torch.bool)
    own = scores.diagonal()
    expected = (hinges(scores, own, own, 0.1) * weights).sum() / 72
    assert of(scores, videos).item() == pytest.approx(expected.item())
    assert of(scores, torch.arange(9)).item() == pytest.approx((sum(near) + sum(far)) / 72)


def test_clips_that_say_the_same_are_no_negatives(tiny: Tiny, sample: Sample, changed: Changed) -> None:
    objective, batch = MaxMargin(video=tiny["video"](), text=tiny["text"](), dim=8), sample(2)
    assert objective(batch)[0] > 0
    assert objective(changed(batch, text=batch.text[:1].expand(2, -1, -1)))[0] == 0


def test_other_clips_of_a_recording_are_negatives_of_half_the_weight(
    tiny: Tiny, sample: Sample, changed: Changed
) -> None:
    objective, batch = MaxMargin(video=tiny["video"](), text=tiny["text"](), dim=8), sample(6)
    grouped = changed(batch, group=torch.tensor([0, 0, 0, 1, 1, 1]))
    vectors = objective.represent(batch)
    scores = vectors["video"] @ vectors["text"].T
    loss, terms = objective(grouped)
    torch.testing.assert_close(loss, of(scores, grouped.group))
    assert terms["within"].item() == pytest.approx(2 / 5)


def test_gated_unit() -> None:
    unit, x = GatedUnit(3, 2), torch.randn(5, 4, 3)
    y = x @ unit.linear.weight.T + unit.linear.bias
    torch.testing.assert_close(unit(x), y / (1 + (-(y @ unit.gate.weight.T + unit.gate.bias)).exp()))
