"""The pairwise sigmoid loss, in tiles and around the ring of processes.

Zhai, Mustafa, Kolesnikov and Beyer 2023, "Sigmoid Loss for Language Image Pre-Training" (SigLIP), section 3.2: every
pair is a question of its own, "do these belong together?", and their sum needs no pass before that for the gradient.
"""

import math
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from mmssl.distributed import pass_on, share, world
from mmssl.modules.scores import PairScore
from mmssl.modules.tiles import Side, flat, sides, tiled

# Where the paper starts: at first few of the N - 1 negatives of a clip are taken for true.
INITIAL_LOG_SCALE, INITIAL_BIAS = math.log(10), -10.0


def sigmoid_loss(score: PairScore, rows: Side, columns: Side, scale: Tensor, bias: Tensor) -> Tensor:
    """`sum over pairs of log(1 + exp(-z (scale * score + bias)))`, z = 1 for true pairs and -1 for negatives, a clip.

    It is divided by the number of clips that have a true pair. A scalar whose mean over processes is the loss of all
    clips; its gradient, exact to all arguments, must be asked for with the same factor on all processes.

    Args:
        score: of a tile.
        rows: one a clip, with what the score reads: places `[B, T, *grid, E]` and pooled `[B, E]`.
        columns: C a clip, `[B, C, E]`, all of them true pairs of it.
        scale: scalar, above 0.
        bias: scalar.
    """
    rows, columns = rows.ready(), columns.ready()
    # Not to be compiled: the numbers of a tile decide whether it needs a mask.
    apply = torch.compiler.disable(_Sum.apply)  # type: ignore[no-untyped-call]
    total: Tensor = apply(score, scale, bias, *flat(rows, columns))
    return total * share((rows.valid.unsqueeze(1) & columns.valid).any(1)).to(total.dtype)


class _Sum(torch.autograd.Function):
    """Of this process's rows with the columns of all. The gradient is found on the way."""

    @staticmethod
    def forward(ctx: Any, score: PairScore, scale: Tensor, bias: Tensor, *given: Tensor) -> Tensor:
        rows, columns = sides(*given)
        kind, wanted = torch.promote_types(columns.vectors[0].dtype, torch.float32), any(ctx.needs_input_grad)
        total, to_scale, to_bias = scale.new_zeros(3, dtype=torch.float64)
        to_columns, *to_rows = (torch.zeros_like(v, dtype=kind) for v in (*columns.vectors, *rows.vectors))
        for step in range(world()):
            arrive = pass_on(*columns.vectors, columns.valid, columns.keys)
            for _, _, tile in tiled(score, scale, rows, columns, home=step == 0, differentiable=wanted):
                logits = tile.scores + bias
                true = tile.true_pairs(logits)
                there = true != -math.inf
                # log(1 + exp(-x)) is log(1 + exp(x)) - x, so that negatives and true pairs take one way.
                total += functional.softplus(logits).sum() - true.masked_fill(~there, 0).sum()
                if wanted:
                    weights = logits.sigmoid_()
                    true -= there.to(kind)
                    to_bias += weights.sum()
                    to_scale += tile.replace(weights)
                    tile.add_gradients(to_columns, *to_rows)
            (to_columns,) = pass_on(to_columns)()
            candidates, *labels = arrive()
            columns = Side((candidates,), *labels)
        to_vectors = (g.mul_(scale) for g in (to_columns, *to_rows))
        ctx.save_for_backward(to_scale.to(scale.dtype), to_bias.to(bias.dtype), *to_vectors)
        ctx.kinds = [v.dtype for v in (*columns.vectors, *rows.vectors)]
        result: Tensor = total.to(kind)
        return result

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        to_scale, to_bias, *to_vectors = ctx.saved_tensors
        to_inputs = ((v * gradient).to(kind) for v, kind in zip(to_vectors, ctx.kinds, strict=True))
        return None, to_scale * gradient, to_bias * gradient, None, None, None, None, *to_inputs
