"""What must hold for any embeddings, captions and scores: found by hypothesis, or compared with a slow loop."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, precision_recall_curve
from torch import Tensor

from mmssl.evaluate.interval import described, described_jointly
from mmssl.evaluate.maps import box_mask, ciou, ciou_curve
from mmssl.evaluate.negatives import detection
from mmssl.evaluate.ranks import ExpectedTies, PessimisticTies, Ties, place_embeddings, place_scores, same
from mmssl.evaluate.retrieval import answers
from mmssl.evaluate.threshold import roc_area, roc_areas
from mmssl.evaluate.vectors import HeldOut, Vectors

TIES: list[Ties] = [ExpectedTies(), PessimisticTies()]
SEEDS = st.integers(0, 10_000)


def coarse(seed: int, *shape: int) -> Tensor:
    """Few values, so that there are ties; no row of zeros."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(-1, 3, shape, generator=generator).float() + torch.eye(*shape[-2:])[: shape[0]] * 0.5


@settings(max_examples=40, deadline=None)
@drawn(SEEDS, st.integers(2, 12))
def test_the_order_of_the_gallery_changes_nothing(seed: int, count: int) -> None:
    queries, items = coarse(seed, count, 4) + 0.25, coarse(seed + 1, count, 4) + 0.25
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    ids = torch.arange(count) // 2
    before = place_embeddings(queries, items, same(ids, ids), chunk=3)
    after = place_embeddings(queries, items[order], same(ids, ids[order]))
    for ties in TIES:
        assert ties.rank(before).tolist() == ties.rank(after).tolist()
        for k in (1, 3):
            torch.testing.assert_close(ties.hit(before, k), ties.hit(after, k))


@settings(max_examples=40, deadline=None)
@drawn(SEEDS, st.integers(2, 10), st.integers(1, 4))
def test_a_wrong_item_more_never_helps(seed: int, count: int, surplus: int) -> None:
    scores = coarse(seed, count, count + surplus)
    relevant = torch.eye(count, count + surplus, dtype=torch.bool)
    with_it, without = place_scores(scores, relevant), place_scores(scores[:, :count], relevant[:, :count])
    for ties in TIES:
        assert (ties.rank(with_it) >= ties.rank(without)).all()
        for k in range(1, count + surplus + 1):
            assert (ties.hit(with_it, k) <= ties.hit(without, k) + 1e-12).all()


@settings(max_examples=40, deadline=None)
@drawn(SEEDS, st.integers(1, 10))
def test_recall_grows_with_k_to_one_and_pessimism_is_a_bound(seed: int, count: int) -> None:
    places = place_scores(coarse(seed, count, count), torch.eye(count, dtype=torch.bool))
    expected, pessimistic = (torch.stack([ties.hit(places, k) for k in range(1, count + 1)]) for ties in TIES)
    assert (expected.diff(dim=0) >= -1e-12).all()
    assert (pessimistic <= expected + 1e-12).all()
    assert expected[-1].tolist() == pessimistic[-1].tolist() == [1.0] * count


CAPTIONS = st.lists(st.lists(st.sampled_from("abc"), max_size=3), min_size=1, max_size=7)


@settings(max_examples=60, deadline=None)
@drawn(CAPTIONS, st.integers(0, 100))
def test_right_answers_equal_a_slow_loop(told: list[list[str]], seed: int) -> None:
    """A recording answers the words that any of its captions says; words answer any recording that has them."""
    words = tuple(captions[seed % len(captions)] if captions else "" for captions in told)
    count = len(told)
    valid = torch.tensor([bool(captions) for captions in told])
    vectors = {
        "video": Vectors(torch.ones(count, 1), torch.ones(count, dtype=torch.bool)),
        "text": Vectors(torch.ones(count, 1), valid, words),
    }
    held = HeldOut(vectors, torch.arange(count), ("",) * count, ("",) * count, tuple(map(frozenset, told)), count)
    rows = valid.nonzero()[:, 0]
    chosen = rows.tolist()
    slow = [[a == b or words[a] in told[b] for b in chosen] for a in chosen]
    if chosen:
        assert answers(held, "text", "video", rows)(slice(0, count)).tolist() == slow
        assert answers(held, "video", "text", rows)(slice(0, count)).T.tolist() == slow


@pytest.mark.parametrize("seed", range(3))
def test_average_precision_and_best_f1_equal_scikit_learn(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    positive, negative = (torch.randint(0, 7, (n,), generator=generator).double() for n in (30, 50))
    how_often = [torch.randint(1, 4, (n,), generator=generator).double() for n in (30, 50)]
    true, sure = [1] * 30 + [0] * 50, torch.cat([positive, negative])
    for weights in ([torch.ones(30).double(), torch.ones(50).double()], how_often):
        precision, f1 = detection(positive, negative, torch.ones(30).bool(), *(w.unsqueeze(0) for w in weights))
        weight = torch.cat(weights)
        assert precision.item() == pytest.approx(average_precision_score(true, sure, sample_weight=weight))
        curve = precision_recall_curve(true, sure, sample_weight=weight)
        assert f1.item() == pytest.approx(max(2 * p * r / max(p + r, 1e-12) for p, r in zip(*curve[:2], strict=True)))


def test_an_area_with_weights_is_that_of_repeated_scores() -> None:
    generator = torch.Generator().manual_seed(0)
    positive, negative = (torch.randint(0, 7, (n,), generator=generator).double() for n in (9, 12))
    often, seldom = (torch.randint(0, 3, (n,), generator=generator) for n in (9, 12))
    repeated = roc_area(positive.repeat_interleave(often), negative.repeat_interleave(seldom))
    assert roc_areas(positive, negative, often.unsqueeze(0), seldom.unsqueeze(0)).item() == pytest.approx(repeated)
    assert roc_areas(positive, negative, torch.zeros(1, 9), seldom.unsqueeze(0)).isnan().all()


def test_a_joint_interval_of_a_mean_is_that_of_its_values() -> None:
    values = torch.rand(50, generator=torch.Generator().manual_seed(0)).double()

    def average(often: Tensor) -> Tensor:
        return (often * values).sum(1) / often.sum(1)

    jointly = described_jointly("x", average, 50, draws_made=1000)
    assert jointly == pytest.approx(described("x", values))


def test_the_curve_of_ciou_is_ciou_at_each_threshold() -> None:
    maps = torch.rand(5, 16, 16, generator=torch.Generator().manual_seed(0))
    truth = torch.stack([box_mask([(0.1, 0.2, 0.3 + 0.1 * i, 0.9)], 16) for i in range(5)])
    thresholds = torch.tensor([-1.0, 0.1, 0.5, 0.9, 2.0])
    curve = ciou_curve(maps, truth, thresholds)
    for place, threshold in enumerate(thresholds):
        torch.testing.assert_close(curve[:, place], ciou(maps >= threshold, truth))


def test_counts_and_coverage_with_what_cannot_be_read(memory_clips: Callable[..., Any], given: Any) -> None:
    from mmssl.errors import Fault, MediaError
    from mmssl.evaluate.correspondence import Correspondence
    from mmssl.evaluate.retrieval import Retrieval

    clips = memory_clips(12)

    class Reader(type(clips.reader)):  # type: ignore[misc]
        def open(self, source: Any, name: str) -> Any:
            if name in ("clip003.mp4", "clip011.mp4"):
                raise MediaError(name, Fault.CORRUPT, "is broken")
            return super().open(source, name)

    broken = replace(clips, reader=Reader())
    objective = given(video=torch.eye(12), audio=torch.eye(12))
    numbers = Retrieval(clips=broken, batch_size=5)(objective)
    assert (numbers["retrieval/recordings"], numbers["retrieval/left-out"]) == (12, 2)
    assert numbers["retrieval/audio-video/gallery"] == 10
    assert numbers["retrieval/audio-video/coverage"] == pytest.approx(10 / 12)
    # The first eight, one of which cannot be read, whatever lies behind them in the same batch.
    numbers = Retrieval(clips=broken, batch_size=5, limit=8)(objective)
    assert (numbers["retrieval/recordings"], numbers["retrieval/left-out"]) == (8, 1)
    assert numbers["retrieval/audio-video/coverage"] == pytest.approx(7 / 8)
    assert Correspondence(clips=broken, limit=8)(objective)["correspondence/coverage"] == pytest.approx(7 / 8)
