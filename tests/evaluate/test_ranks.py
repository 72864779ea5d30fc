"""Ranks against a slow loop, torchmetrics and exact values: ties, several right answers, collapse, NaN."""

from itertools import permutations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from mmssl.errors import EvaluationError
from mmssl.evaluate.ranks import ExpectedTies, PessimisticTies, Places, place_embeddings, place_scores, same

EXPECTED, PESSIMISTIC = ExpectedTies(), PessimisticTies()


def diagonal(size: int) -> Tensor:
    return torch.eye(size, dtype=torch.bool)


def test_golden_all_ones_counts_every_query_once() -> None:
    places = place_scores(torch.ones(3, 3), diagonal(3))
    assert EXPECTED.rank(places).tolist() == [2, 2, 2]
    torch.testing.assert_close(EXPECTED.hit(places, 1), torch.full((3,), 1 / 3, dtype=torch.float64))
    assert EXPECTED.hit(places, 3).tolist() == [1, 1, 1]
    assert PESSIMISTIC.rank(places).tolist() == [3, 3, 3]
    assert PESSIMISTIC.hit(places, 2).tolist() == [0, 0, 0]


def test_golden_sine_scores() -> None:
    grid = torch.arange(4.0)
    scores = torch.sin(3 * grid.unsqueeze(1) + grid)
    slow = [1 + sum(float(s) > float(scores[i, i]) for s in scores[i]) for i in range(4)]
    assert EXPECTED.rank(place_scores(scores, diagonal(4))).tolist() == slow


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.booleans()), min_size=1, max_size=6), st.integers(1, 6))
def test_expected_ties_equal_the_mean_over_all_orders(items: list[tuple[int, bool]], k: int) -> None:
    if not any(right for _, right in items):
        return
    scores = torch.tensor([[score for score, _ in items]], dtype=torch.float32)
    relevant = torch.tensor([[right for _, right in items]])
    ranks = []
    for order in permutations(range(len(items))):
        by_score = sorted(order, key=lambda i: -items[i][0])  # stable: equal scores stay in the order of `order`
        ranks.append(1 + next(place for place, i in enumerate(by_score) if items[i][1]))
    places = place_scores(scores, relevant)
    assert EXPECTED.rank(places).item() == pytest.approx(sum(ranks) / len(ranks))
    assert EXPECTED.hit(places, k).item() == pytest.approx(sum(rank <= k for rank in ranks) / len(ranks))
    assert PESSIMISTIC.rank(places).item() == max(ranks)


def test_equal_to_torchmetrics_without_ties() -> None:
    from torchmetrics.functional.retrieval import retrieval_hit_rate, retrieval_reciprocal_rank

    generator = torch.Generator().manual_seed(0)
    scores, relevant = torch.rand(20, 15, generator=generator), torch.rand(20, 15, generator=generator) < 0.2
    relevant[:, 0] = True
    places = place_scores(scores, relevant)
    for row in range(20):
        assert EXPECTED.hit(places, 5)[row].item() == retrieval_hit_rate(scores[row], relevant[row], top_k=5).item()
        oracle = retrieval_reciprocal_rank(scores[row], relevant[row]).item()
        assert 1 / EXPECTED.rank(places)[row].item() == pytest.approx(oracle)


def test_a_collapsed_model_is_at_chance() -> None:
    places = place_embeddings(torch.ones(50, 8), torch.ones(50, 8), same(torch.arange(50), torch.arange(50)), chunk=7)
    assert EXPECTED.rank(places).mean().item() == 25.5
    torch.testing.assert_close(EXPECTED.hit(places, 10), torch.full((50,), 0.2, dtype=torch.float64))
    torch.testing.assert_close(EXPECTED.hit(places, 10), EXPECTED.hit(places.chance(), 10))


def test_chance_equals_random_embeddings() -> None:
    generator = torch.Generator().manual_seed(1)
    ids = torch.arange(400) // 2  # two right answers each
    queries, items = (torch.randn(400, 16, generator=generator) for _ in range(2))
    places = place_embeddings(queries, items, same(ids, ids))
    assert EXPECTED.hit(places, 40).mean().item() == pytest.approx(
        EXPECTED.hit(places.chance(), 40).mean().item(), abs=0.05
    )


def test_perfect_and_chunked() -> None:
    items = torch.eye(9)
    places = place_embeddings(items, items, same(torch.arange(9), torch.arange(9)), chunk=2)
    assert EXPECTED.rank(places).tolist() == [1] * 9
    assert (places.gallery, places.right.tolist()) == (9, [1] * 9)


def test_duplicates_of_the_right_answer_are_ties_in_float32() -> None:
    item = torch.randn(1, 64, generator=torch.Generator().manual_seed(2))
    places = place_embeddings(
        item, torch.cat([item, item * 3, -item]), lambda rows: torch.tensor([[True, False, False]])
    )
    assert EXPECTED.rank(places).item() == 1.5


@pytest.mark.parametrize(
    ("damage", "message"), [(torch.nan, "1 of 4 embeddings hold NaN"), (torch.inf, "NaN or Inf"), (0.0, "are zero")]
)
def test_broken_embeddings_raise(damage: float, message: str) -> None:
    broken = torch.eye(4)
    broken[2] = damage
    for queries, items in ((broken, torch.eye(4)), (torch.eye(4), broken)):
        with pytest.raises(EvaluationError, match=message):
            place_embeddings(queries, items, same(torch.arange(4), torch.arange(4)))


def test_a_query_without_right_answer_raises() -> None:
    with pytest.raises(EvaluationError, match="1 queries have no right answer"):
        place_scores(torch.rand(2, 2), torch.tensor([[True, False], [False, False]]))
    with pytest.raises(EvaluationError, match="scores hold NaN"):
        place_scores(torch.full((2, 2), torch.nan), diagonal(2))


def test_places_are_as_large_as_the_queries() -> None:
    places = place_scores(torch.rand(5, 7), torch.ones(5, 7, dtype=torch.bool))
    assert isinstance(places, Places)
    assert places.tied_wrong.tolist() == [0] * 5
    assert EXPECTED.hit(places.chance(), 1).tolist() == [1] * 5
