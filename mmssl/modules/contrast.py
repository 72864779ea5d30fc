"""Every clip against every other, in tiles: what contrastive losses need of an N x N matrix that is never held.

InfoNCE, MIL-NCE and their kin are functions of the log-sum-exp of each row and each column and of the scores of true
pairs. Those are found tile by tile and, for the gradient, the tiles are computed once more (Cheng et al. 2024,
"Breaking the Memory Barrier: Near Infinite Batch Size Scaling for Contrastive Loss"). Rows stay on their process;
columns travel around the ring of processes with what was found about them, so nothing of the size of all clips is held.
"""

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from mmssl.distributed import pass_on, world
from mmssl.modules.scores import PairScore
from mmssl.modules.tiles import Side, flat, sides, tiled


class Contrast(NamedTuple):
    """What is known of B rows and of C columns a row, among the clips of all processes; -inf where nothing counts."""

    rows: Tensor  # [B] log-sum-exp over the row's columns
    columns: Tensor  # [B, C] log-sum-exp over the column's rows
    own: Tensor  # [B, C] scores of true pairs
    row_rival: Tensor  # [B] highest score of a negative, without gradient
    column_rival: Tensor  # [B, C] likewise


def contrast(score: PairScore, rows: Side, columns: Side, scale: Tensor) -> Contrast:
    """Log-sum-exps of `scale * score` over all pairs that count: true pairs, of one clip, and negatives.

    The gradient to rows, columns and scale is exact. All processes give as many clips, and all must run the backward
    pass. Under autocast products are in its format, sums in float32.

    Args:
        score: of a tile.
        rows: one a clip, with what the score reads: places `[B, T, *grid, E]` and pooled `[B, E]`.
        columns: C a clip, `[B, C, E]`.
        scale: scalar, above 0.
    """
    rows, columns = rows.ready(), columns.ready()
    # Not to be compiled: the numbers of a tile decide whether it needs a mask, and how its sums are taken.
    apply = torch.compiler.disable(_Contrast.apply)  # type: ignore[no-untyped-call]
    found: tuple[Tensor, ...] = apply(score, scale, *flat(rows, columns))
    return Contrast(*found)


class _Contrast(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, score: PairScore, scale: Tensor, *given: Tensor) -> tuple[Tensor, ...]:
        rows, columns = sides(*given)
        (candidates,) = columns.vectors
        kind = torch.promote_types(candidates.dtype, torch.float32)
        row_sum, row_rival = candidates.new_full((2, len(candidates)), -math.inf, dtype=kind)
        column_sum, column_rival = candidates.new_full((2, *candidates.shape[:2]), -math.inf, dtype=kind)
        own = torch.full_like(column_sum, -math.inf)
        for step in range(world()):
            arrive = pass_on(*columns.vectors, columns.valid, columns.keys)
            for i, j, tile in tiled(score, scale, rows, columns, home=step == 0):
                own[tile.both] = tile.true_pairs(tile.scores)
                tops = tile.rivals()
                row_rival[i], column_rival[j] = row_rival[i].maximum(tops[0]), column_rival[j].maximum(tops[1])
                sums = tile.sums(tops)
                row_sum[i], column_sum[j] = row_sum[i].logaddexp(sums[0]), column_sum[j].logaddexp(sums[1])
            column_sum, column_rival = pass_on(column_sum, column_rival)()
            candidates, *labels = arrive()
            columns = Side((candidates,), *labels)
        ctx.score = score
        ctx.save_for_backward(scale, row_sum, column_sum, *flat(rows, columns))
        ctx.mark_non_differentiable(row_rival, column_rival)
        return row_sum, column_sum, own, row_rival, column_rival

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        scale, row_sum, column_sum, *given = ctx.saved_tensors
        for_rows, for_columns, for_own = gradients[:3]
        rows, columns = sides(*given)
        to_scale = scale.new_zeros((), dtype=torch.float64)
        to_columns, *to_rows = (torch.zeros_like(v, dtype=row_sum.dtype) for v in (*columns.vectors, *rows.vectors))
        for step in range(world()):
            arrive = pass_on(*columns.vectors, columns.valid, columns.keys, column_sum, for_columns)
            for i, j, tile in tiled(ctx.score, scale, rows, columns, home=step == 0, differentiable=True):
                by_row, by_column = (row_sum[i], for_rows[i]), (column_sum[j], for_columns[j])
                to_scale += tile.weights(by_row, by_column, for_own[tile.both])
                tile.add_gradients(to_columns, *to_rows)
            (to_columns,) = pass_on(to_columns)()
            candidates, *labels, column_sum, for_columns = arrive()
            columns = Side((candidates,), *labels)
        vectors = (*columns.vectors, *rows.vectors)
        to_vectors = (g.mul_(scale).to(v.dtype) for g, v in zip((to_columns, *to_rows), vectors, strict=True))
        return None, to_scale.to(scale.dtype), None, None, None, None, *to_vectors
