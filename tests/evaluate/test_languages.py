"""Means over languages against a loop, with and without English."""

import pytest
import torch

from mmssl.evaluate.languages import Answered, averages
from mmssl.evaluate.ranks import ExpectedTies, place_scores


def answered(rows: list[int], seed: int) -> Answered:
    scores = torch.randn(len(rows), len(rows), generator=torch.Generator().manual_seed(seed))
    return Answered(torch.tensor(rows), place_scores(scores, torch.eye(len(rows), dtype=torch.bool)))


def test_each_language_counts_the_same() -> None:
    ties = ExpectedTies()
    found = {
        ("text.de", "video"): answered(list(range(12)), 0),
        ("text.en", "video"): answered(list(range(20)), 1),
        ("text.fr", "video"): answered(list(range(3, 8)), 2),
        ("video", "text.de"): answered(list(range(12)), 3),
        ("text", "video"): answered(list(range(20)), 4),
    }
    numbers = averages(found, (1, 5), ties, 20, 25)  # five could not be read
    recalls = {pair: float(ties.hit(one.places, 5).mean()) for pair, one in found.items()}
    spoken = [recalls[f"text.{language}", "video"] for language in ("de", "en", "fr")]
    assert numbers["retrieval/text.average-video/R@5"] == pytest.approx(sum(spoken) / 3)
    assert numbers["retrieval/text.average_but_en-video/R@5"] == pytest.approx((spoken[0] + spoken[2]) / 2)
    assert numbers["retrieval/text.average-video/R@5/chance"] == pytest.approx((5 / 12 + 5 / 20 + 5 / 5) / 3)
    for end, sign in (("low", -1), ("high", 1)):
        assert sign * (numbers[f"retrieval/text.average-video/R@5/{end}"] - sum(spoken) / 3) > 0.01
    assert numbers["retrieval/text.average-video/languages"] == 3
    assert numbers["retrieval/text.average-video/coverage"] == pytest.approx((12 + 20 + 5) / 3 / 25)
    assert numbers["retrieval/video-text.average/R@1"] == pytest.approx(
        float(ties.hit(found["video", "text.de"].places, 1).mean())
    )
    assert not any("text.average-text" in name for name in numbers)


def test_no_mean_of_one_language_and_none_twice() -> None:
    ties = ExpectedTies()
    assert not averages({("text.de", "video"): answered([0, 1, 2], 0)}, (1,), ties, 3, 3)
    both = {(f"text.{language}", "video"): answered([0, 1, 2], 0) for language in ("de", "fr")}
    assert not any("but_en" in name for name in averages(both, (1,), ties, 3, 3))
