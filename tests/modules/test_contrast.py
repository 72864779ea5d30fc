"""Log-sum-exps in tiles against the whole matrix: values, gradients, what is left out, and numbers at their limits."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from mmssl.modules import tiles
from mmssl.modules.contrast import Contrast, contrast
from mmssl.modules.scores import Average, LogSumExpOverPlaces, MaxOverPlaces, PairScore, Pooled
from mmssl.modules.tiles import Side

Scored = Callable[..., tuple[Side, Side]]
CLIPS, CANDIDATES, SIZE = 7, 2, 5


def unit(*shape: int, seed: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return functional.normalize(torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype), dim=-1)


def some(holes: bool) -> tuple[Side, Side]:
    """Maps, their vectors and candidates; with holes some are missing and some are no negatives of each other."""
    places, pooled = unit(CLIPS, 2, 3, SIZE, seed=1), unit(CLIPS, SIZE, seed=2)
    columns, keys = unit(CLIPS, CANDIDATES, SIZE, seed=3), torch.arange(CLIPS).unsqueeze(1)
    row_valid, valid = torch.ones(CLIPS, dtype=torch.bool), torch.ones(CLIPS, CANDIDATES, dtype=torch.bool)
    if holes:
        row_valid[2], valid[1], valid[4, 1] = False, False, False
        keys[5], keys[6] = keys[0], keys[3]
    vectors = tuple(v.requires_grad_() for v in (places, pooled, columns))
    return Side(vectors[:2], row_valid, keys), Side(vectors[2:], valid, keys.unsqueeze(1).expand(-1, CANDIDATES, 1))


def whole(score: PairScore, rows: Side, columns: Side, scale: Tensor) -> Contrast:
    """By the whole matrix."""
    clips, candidates = columns.valid.shape
    places, pooled = rows.vectors
    scores = scale * score(places, pooled, columns.vectors[0].flatten(0, 1))
    own = torch.eye(clips, dtype=torch.bool).repeat_interleave(candidates, 1)
    shared = (rows.keys.unsqueeze(1).unsqueeze(2) == columns.keys.flatten(0, 1).unsqueeze(1)).flatten(2).any(2)
    counts = (own | ~shared) & rows.valid.unsqueeze(1) & columns.valid.flatten()
    scores = scores.masked_fill(~counts, -math.inf)
    rivals = scores.detach().masked_fill(own, -math.inf)
    return Contrast(
        scores.logsumexp(1),
        scores.logsumexp(0).view(clips, candidates),
        scores[own].view(clips, candidates),
        rivals.amax(1),
        rivals.amax(0).view(clips, candidates),
    )


def weighed(found: Contrast) -> Tensor:
    """A number that depends on each of them otherwise."""
    parts = [torch.where(part == -math.inf, 0, part) for part in found[:3]]
    return torch.stack([(p * torch.arange(1, p.numel() + 1).view_as(p).sqrt()).sum() for p in parts]).sum()


@pytest.mark.parametrize("span", [140.0, 0.0], ids=["shared", "separate"])
@pytest.mark.parametrize("holes", [False, True], ids=["all", "holes"])
@pytest.mark.parametrize("edge", [1, 4, 64])
@pytest.mark.parametrize(
    "score", [Pooled(), MaxOverPlaces(), LogSumExpOverPlaces(0.2), Average(Pooled(), MaxOverPlaces())], ids=repr
)
def test_equals_the_whole_matrix(
    score: PairScore, edge: int, holes: bool, span: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tiles, "_CPU", edge)
    monkeypatch.setattr(tiles, "_SPAN", span)
    results = []
    for way in (contrast, whole):
        (rows, columns), scale = some(holes), torch.tensor(3.7, dtype=torch.float64, requires_grad=True)
        found = way(score, rows, columns, scale)
        weighed(found).backward()  # type: ignore[no-untyped-call]
        given = (*rows.vectors, *columns.vectors, scale)
        results.append((*found, *(torch.zeros_like(t) if t.grad is None else t.grad for t in given)))
    for tiled, dense in zip(*results, strict=True):
        torch.testing.assert_close(tiled, dense, check_dtype=False)


@pytest.mark.parametrize("edge", [17, 48, 99])
def test_tiles_of_unlike_sizes_have_every_pair_once(edge: int, scored: Scored, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiles, "_CPU", edge)
    rows, columns = scored(torch.randn(50, 50, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64))
    scale = torch.tensor(2.0, dtype=torch.float64)
    for tiled, dense in zip(*(way(Pooled(), rows, columns, scale) for way in (contrast, whole)), strict=True):
        torch.testing.assert_close(tiled, dense)


@pytest.mark.parametrize("span", [140.0, 0.0], ids=["shared", "separate"])
def test_gradient_is_that_of_differences(span: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiles, "_CPU", 4)
    monkeypatch.setattr(tiles, "_SPAN", span)
    rows, columns = some(holes=True)

    def function(places: Tensor, pooled: Tensor, candidates: Tensor, scale: Tensor) -> Tensor:
        both = Side((places, pooled), *rows[1:]), Side((candidates,), *columns[1:])
        return weighed(contrast(Average(Pooled(), LogSumExpOverPlaces(0.3)), *both, scale))

    scale = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(function, (*rows.vectors, *columns.vectors, scale))


@pytest.mark.parametrize("factor", [1e-3, 1.0, 60.0, 1e4])
def test_scores_of_any_size(factor: float, scored: Scored) -> None:
    scores = factor * torch.randn(40, 40, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = []
    for kind in (torch.float32, torch.float64):
        rows, columns = scored(scores.to(kind))
        pooled = rows.vectors[1].requires_grad_()
        each = contrast(Pooled(), rows, columns, torch.tensor(1.0, dtype=kind))
        torch.autograd.backward(weighed(each))
        assert pooled.grad is not None
        found.append([*each, pooled.grad])
    for single, double in zip(*found, strict=True):
        assert single.isfinite().all()
        torch.testing.assert_close(single.double(), double.double(), rtol=1e-5, atol=1e-4)


def test_one_row_far_below_all_others_keeps_its_sum(scored: Scored) -> None:
    scores = torch.randn(6, 6, 1, generator=torch.Generator().manual_seed(0))
    scores[2] -= 500
    scores[:, 4] += 300
    rows, columns = scored(scores)
    found = contrast(Pooled(), rows, columns, torch.tensor(1.0))
    torch.testing.assert_close(found.rows, scores[..., 0].logsumexp(1))
    torch.testing.assert_close(found.columns[:, 0], scores[..., 0].logsumexp(0))


def test_nothing_that_counts_is_minus_infinity_with_no_gradient(scored: Scored) -> None:
    scores = torch.randn(4, 4, 2, requires_grad=True)
    nothing = torch.zeros(4, dtype=torch.bool)
    rows, columns = scored(scores, row_valid=nothing)
    found = contrast(Pooled(), rows, columns, torch.tensor(1.0))
    assert all((part == -math.inf).all() for part in found)
    torch.autograd.backward(weighed(found))
    assert scores.grad is not None
    assert (scores.grad == 0).all()


def test_nan_is_never_hidden_and_what_is_not_there_never_seen(scored: Scored) -> None:
    scores = torch.randn(4, 4, 1)
    scores[1, 2] = torch.nan
    found = contrast(Pooled(), *scored(scores), torch.tensor(1.0))
    assert found.rows.isnan().tolist() == [False, True, False, False]
    assert found.columns[:, 0].isnan().all(), "NaN times the 0 of another column is NaN"
    there = torch.tensor([True, False, True, True])
    scores[1] = torch.nan
    scores.requires_grad_()
    found = contrast(Pooled(), *scored(scores, row_valid=there), torch.tensor(1.0))
    torch.autograd.backward(weighed(found))
    assert found.rows[there].isfinite().all()
    assert found.columns.isfinite().all()
    assert scores.grad is not None
    assert scores.grad.isfinite().all()


def test_half_precision_under_autocast() -> None:
    (rows, columns), scale = some(holes=True), torch.tensor(14.0)
    rows, columns = (Side(tuple(v.float() for v in side.vectors), *side[1:]) for side in (rows, columns))
    with torch.autocast("cpu", torch.bfloat16):
        half = contrast(Pooled(), rows, columns, scale)
    full = contrast(Pooled(), rows, columns, scale)
    for one, other in zip(half, full, strict=True):
        assert one.dtype == torch.float32
        torch.testing.assert_close(one, other, rtol=0.02, atol=0.1)
