"""A tile of the scores of all rows with all columns: made, used and forgotten."""

import math
from collections.abc import Iterator
from typing import NamedTuple, Self

import torch
from torch import Tensor
from torch.autograd.graph import get_gradient_edge

from mmssl.modules.negatives import apart, related
from mmssl.modules.precision import full_precision
from mmssl.modules.scores import PairScore

# Exponentials are taken around one number a tile, so that its rows and columns share them: a sum of a million times
# exp(70) is still finite in float32, and exp(70 - 140) not yet 0.
_HIGHEST, _SPAN = 70.0, 140.0
# Edge of a tile: one that stays in the cache, and no power of 2, whose rows would take each other's places there; on a
# GPU, one that is enough work for a launch.
_CPU, _GPU = 1008, 4096
_STRIPE = 128  # rows of a tile that pass through several steps at once


class Side(NamedTuple):
    """Rows, or columns, of a matrix of scores.

    Two of them are negatives of each other if both are there, they are of different clips and share no key.
    """

    vectors: tuple[
        Tensor, ...
    ]  # of rows [B, T, *grid, E] and [B, E], as a `PairScore` reads them; of columns [B, C, E]
    valid: Tensor  # [B] or [B, C] bool, whether it is there
    keys: Tensor  # [B, K] or [B, C, K] int64

    def part(self, clips: slice) -> Self:
        """Some clips."""
        return type(self)(tuple(v[clips] for v in self.vectors), self.valid[clips], self.keys[clips])

    def ready(self) -> Self:
        """In the format of autocast where that is on, and 0 where nothing is: NaN would meet a gradient of 0."""
        device, vectors = self.valid.device.type, self.vectors
        if torch.is_autocast_enabled(device):
            vectors = tuple(v.to(torch.get_autocast_dtype(device)) for v in vectors)
        if not self.valid.all():
            shapes = ((*self.valid.shape, *[1] * (v.ndim - self.valid.ndim)) for v in vectors)
            vectors = tuple(v.masked_fill(~self.valid.reshape(s), 0) for v, s in zip(vectors, shapes, strict=True))
        return type(self)(vectors, self.valid, self.keys)


def sides(row_valid: Tensor, row_keys: Tensor, *columns_and_rows: Tensor) -> tuple[Side, Side]:
    """Rows and columns from the tensors that an `autograd.Function` gets one by one; see `flat`."""
    column_valid, column_keys, candidates, *rows = columns_and_rows
    return Side(tuple(rows), row_valid, row_keys), Side((candidates,), column_valid, column_keys)


def flat(rows: Side, columns: Side) -> tuple[Tensor, ...]:
    """What `sides` takes: four labels, the columns' vectors, then those of the rows."""
    return (rows.valid, rows.keys, columns.valid, columns.keys, *columns.vectors, *rows.vectors)


def tiled(
    score: PairScore, scale: Tensor, rows: Side, columns: Side, *, home: bool, differentiable: bool = False
) -> Iterator[tuple[slice, slice, "Tile"]]:
    """All `places` with their `Tile`; what may have to be left out is looked for once, and not in each."""
    whole = bool(rows.valid.all() and columns.valid.all()) and apart(rows.keys, columns.keys, home=home)
    for i, j in places(rows, columns):
        yield i, j, Tile(score, scale, rows, columns, (i, j), home=home, whole=whole, differentiable=differentiable)


def places(rows: Side, columns: Side) -> Iterator[tuple[slice, slice]]:
    """Slices of rows and of clips of columns, tile after tile; what has many places takes the room of many."""
    (candidates,) = columns.vectors
    edge, clips = _GPU if candidates.is_cuda else _CPU, len(candidates)
    # A vector of one place; where a score reads no places, or no pooled vector, those have no width.
    one = min(vectors.shape[-1] for vectors in (candidates, *rows.vectors) if vectors.shape[-1])
    widest = max(row[0].numel() for row in rows.vectors) // one
    height, width = (_even(clips, edge // max(1, room)) for room in (widest, candidates[0].numel() // one))
    for i in range(0, clips, height):
        if not rows.valid[i : i + height].any():  # such as of columns that are negatives and nothing else
            continue
        for j in range(0, clips, width):
            yield slice(i, i + height), slice(j, j + width)


def _even(clips: int, most: int) -> int:
    """Of parts nearly as large as each other, none of more than `most`; in 16s, or products are a quarter slower."""
    unit = min(16, max(1, most))
    parts = math.ceil(clips / (most // unit * unit or 1))
    return math.ceil(clips / (parts * unit)) * unit


class Tile:
    """Scores of R rows with the C columns of each of S clips.

    Attributes:
        scores: `[R, S * C]` float32 or float64, times the scale; -inf where a pair does not count.
        both: clips, among all, whose row and columns are both here.

    Args:
        score: of rows and columns.
        scale: scalar.
        rows: all of them.
        columns: all of them, perhaps of another process.
        place: the slices that are wanted.
        home: whether rows and columns are of the same clips, so that some pairs are true.
        whole: whether all pairs are known to count.
        differentiable: whether `gradients` will be asked for.
    """

    def __init__(
        self,
        score: PairScore,
        scale: Tensor,
        rows: Side,
        columns: Side,
        place: tuple[slice, slice],
        *,
        home: bool,
        whole: bool,
        differentiable: bool,
    ) -> None:
        (i, j), (candidates,) = place, columns.vectors
        begin, end = max(i.start, j.start), min(i.stop, j.stop, len(candidates))
        if not home or begin >= end:
            begin = end = max(i.start, j.start)
        self.both = slice(begin, end)
        self._own = (slice(begin - i.start, end - i.start), slice(begin - j.start, end - j.start))
        self._place, self._count = place, candidates.shape[1]
        rows, columns = rows.part(i), columns.part(j)
        self._leaves = [v.detach().requires_grad_(differentiable) for v in (*rows.vectors, *columns.vectors)]
        with torch.set_grad_enabled(differentiable), full_precision(candidates):  # the inputs' own, that is
            places, pooled, other = self._leaves
            raw = score(places, pooled, other.flatten(0, 1))
        self._edge = get_gradient_edge(raw) if differentiable else None
        self._kind, self._scale = raw.dtype, scale.detach()
        # In its own memory: should the score need it for its gradient, autograd says so.
        self.scores = raw.detach().to(torch.promote_types(raw.dtype, torch.float32)).mul_(self._scale)
        self._masked = not whole and self._leave_out(rows, columns)

    def true_pairs(self, matrix: Tensor) -> Tensor:
        """Those of a `[R, S * C]` tensor: a view `[n, C]`, n clips in `both`."""
        return matrix.view(len(matrix), -1, self._count)[self._own].diagonal(dim1=0, dim2=1).T

    def rivals(self) -> tuple[Tensor, Tensor]:
        """The highest score of a negative of each row `[R]` and of each column `[S, C]`."""
        own = self.true_pairs(self.scores)
        kept = own.clone()
        own.fill_(-math.inf)
        tops = self.scores.amax(1), self.scores.amax(0).view(-1, self._count)
        own.copy_(kept)
        return tops

    def sums(self, tops: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """The log-sum-exp of each row `[R]` and of each column `[S, C]`; `scores` are no more after it."""
        middle = _middle(*tops, self.true_pairs(self.scores))
        if middle is None:
            rows, columns = self.scores.logsumexp(1), self.scores.logsumexp(0)
        else:
            powers = self.scores.sub_(middle).exp_()
            rows, columns = powers.sum(1).log_() + middle, powers.sum(0).log_() + middle
        return rows, columns.view(-1, self._count)

    def weights(self, rows: tuple[Tensor, Tensor], columns: tuple[Tensor, Tensor], own: Tensor) -> Tensor:
        """Puts the gradient to the scores in their place; gives the one to the scale.

        Args:
            rows: `[R]` log-sum-exps over all tiles, and the gradient to them.
            columns: `[S, C]` likewise.
            own: `[n, C]`, the gradient to the true pairs.
        """
        (row_sum, for_rows), (column_sum, for_columns) = ((s.flatten(), g.flatten()) for s, g in (rows, columns))
        middle = _middle(row_sum, column_sum)
        # Where nothing counts the sum is -inf, and every share of it must be 0.
        row_sum, column_sum = (s.masked_fill(s == -math.inf, math.inf) for s in (row_sum, column_sum))
        if middle is not None:
            for_rows, for_columns = for_rows * (middle - row_sum).exp(), for_columns * (middle - column_sum).exp()
        to_scale = torch.sum(own * self._finite(self.true_pairs(self.scores)), dtype=torch.float64)
        for begin in range(0, len(self.scores), _STRIPE):
            stripe = slice(begin, begin + _STRIPE)
            scores = self.scores[stripe]
            if middle is None:
                by_row = (scores - row_sum[stripe, None]).exp_().mul_(for_rows[stripe, None])
                weights = (scores - column_sum).exp_().mul_(for_columns).add_(by_row)
            else:
                weights = (scores - middle).exp_().mul_(for_rows[stripe, None] + for_columns)
            to_scale += torch.dot(weights.flatten(), self._finite(scores).flatten())
            scores.copy_(weights)
        self.true_pairs(self.scores).add_(own)
        return to_scale / self._scale

    def replace(self, weights: Tensor) -> Tensor:
        """Put a gradient to the scores, of their shape, in their place; gives the one to the scale."""
        to_scale = torch.dot(weights.flatten(), self._finite(self.scores).flatten()) / self._scale
        self.scores.copy_(weights)
        return to_scale

    def add_gradients(self, to_columns: Tensor, *to_rows: Tensor) -> None:
        """From that to the scores, which stands in their place, to the vectors, over the scale; added to these sums."""
        assert self._edge is not None
        found = torch.autograd.grad(self._edge, self._leaves, self.scores.to(self._kind), allow_unused=True)
        i, j = self._place
        for total, place, part in zip((*to_rows, to_columns), (*[i] * len(to_rows), j), found, strict=True):
            if part is not None:  # None where the score reads nothing
                total[place] += part

    def _finite(self, scores: Tensor) -> Tensor:
        """The lowest number for -inf, whose product with a weight of 0 would be NaN."""
        return scores.clamp(min=torch.finfo(scores.dtype).min) if self._masked else scores

    def _leave_out(self, rows: Side, columns: Side) -> bool:
        """Whether anything was to be."""
        shared, there = related(rows.keys, columns.keys.flatten(0, 1)), bool(rows.valid.all() and columns.valid.all())
        if shared is not None:
            self.true_pairs(shared).fill_(False)
            self.scores.masked_fill_(shared, -math.inf)
        if not there:
            self.scores.masked_fill_(~(rows.valid.unsqueeze(1) & columns.valid.flatten()), -math.inf)
        return not there or shared is not None


def _middle(*highest: Tensor) -> Tensor | None:
    """From what bounds the scores of each row and column a number near enough to all; None if they lie too wide."""
    bounds = torch.cat([bound.flatten() for bound in highest])
    most, least = bounds.max(), bounds.masked_fill(bounds == -math.inf, math.inf).min()
    if not 0 <= most - least <= _SPAN:
        return None
    # The highest is 0 where that is low enough for all others: the larger an exponent, the coarser.
    return most - (most - least + _HIGHEST - _SPAN).clamp(min=0)
