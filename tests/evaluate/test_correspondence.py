"""Correspondence accuracy of known scores."""

from collections.abc import Callable

import pytest
import torch
from sklearn.metrics import roc_auc_score

from mmssl.data.clips import Clips
from mmssl.errors import EvaluationError, UsageError
from mmssl.evaluate.correspondence import Correspondence
from mmssl.evaluate.threshold import best_threshold, halves, roc_area
from mmssl.objective import Objective

MakeClips = Callable[..., Clips]
MakeObjective = Callable[..., Objective]


def test_threshold_by_trying_all() -> None:
    generator = torch.Generator().manual_seed(0)
    for _ in range(30):
        positive, negative = (torch.randint(0, 6, (n,), generator=generator).double() for n in (5, 9))
        found = best_threshold(positive + 1, negative)
        tried = [
            float(((positive + 1 >= t).double().mean() + (negative < t).double().mean()) / 2)
            for t in (*torch.arange(-1, 9, 0.5).tolist(), found)
        ]
        assert tried[-1] == max(tried)


def test_area_equals_scikit_learn() -> None:
    generator = torch.Generator().manual_seed(0)
    positive, negative = (torch.randint(0, 9, (n,), generator=generator).double() for n in (20, 50))
    weight = torch.rand(50, generator=generator).double()
    oracle = roc_auc_score(
        [1] * 20 + [0] * 50, torch.cat([positive, negative]), sample_weight=[1] * 20 + weight.tolist()
    )
    assert roc_area(positive, negative, weight) == pytest.approx(oracle)


def test_halves_share_no_group() -> None:
    groups = torch.tensor([5, 5, 9, 2, 9, 7])
    assert halves(groups).tolist() == [1, 1, 1, 0, 1, 0]


def test_perfect(memory_clips: MakeClips, given: MakeObjective) -> None:
    numbers = Correspondence(clips=memory_clips(21), batch_size=8)(given(video=torch.eye(21), audio=torch.eye(21)))
    for name in ("accuracy", "two-alternative", "AUC"):
        assert numbers[f"correspondence/{name}"] == 1
        assert numbers[f"correspondence/{name}/chance"] == 0.5


def test_collapsed_is_chance_exactly(memory_clips: MakeClips, given: MakeObjective) -> None:
    numbers = Correspondence(clips=memory_clips(20))(given(video=torch.ones(20, 2), audio=torch.ones(20, 2)))
    for name in ("accuracy", "two-alternative", "AUC"):
        assert numbers[f"correspondence/{name}"] == pytest.approx(0.5, abs=1e-9)


def test_random_is_near_chance(memory_clips: MakeClips, given: MakeObjective) -> None:
    generator = torch.Generator().manual_seed(0)
    video, audio = (torch.nn.functional.normalize(torch.randn(60, 4, generator=generator)) for _ in range(2))
    numbers = Correspondence(clips=memory_clips(60))(given(video=video, audio=audio))
    assert numbers["correspondence/accuracy/low"] - 0.05 < 0.5 < numbers["correspondence/accuracy/high"] + 0.05


def test_broken_or_too_few(memory_clips: MakeClips, given: MakeObjective) -> None:
    broken = torch.eye(8)
    broken[1] = torch.nan
    with pytest.raises(EvaluationError, match="NaN"):
        Correspondence(clips=memory_clips(8))(given(video=torch.eye(8), audio=broken))
    with pytest.raises(EvaluationError, match="too few groups"):
        Correspondence(clips=memory_clips(2))(given(video=torch.eye(8), audio=torch.eye(8)))
    with pytest.raises(UsageError, match="needs audio"):
        Correspondence(clips=memory_clips(8))(given(video=torch.eye(8)))
