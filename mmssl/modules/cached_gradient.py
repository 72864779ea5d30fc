"""A batch of any size through the encoders in fixed memory, with the gradient of all of it.

Gao, Zhang, Han and Callan 2021, "Scaling Deep Contrastive Learning Batch Size under Memory Limited Setup"
(GradCache): representations are computed chunk by chunk without their activations; the loss is of all of them; on the
way back each chunk is computed once more, with the random numbers of its first time, and given its gradient. That is
activation checkpointing along the batch, so autocast and the averaging over processes, which waits for the last chunk
of each parameter, need nothing more.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from mmssl.batch import Batch
from mmssl.errors import UsageError
from mmssl.objective import Objective


def cache_gradient(objective: Objective, chunk: int) -> None:
    """From now on the encoders of an objective see `chunk` clips at once; 0 changes nothing.

    Raises:
        UsageError: its loss would be another one.
    """
    if not chunk:
        return
    name = type(objective).__name__
    if objective.chunk is None:
        raise UsageError(f"chunk is {chunk}, but {name} cannot take its batch apart; set chunk to 0")
    if any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in objective.modules()):
        raise UsageError(
            f"chunk is {chunk}, but an encoder of {name} has batch normalization, which would see chunks instead of "
            "the batch: set chunk to 0, or take an encoder without it"
        )
    objective.chunk = chunk


def in_chunks(
    represent: Callable[..., dict[str, Tensor]], inputs: tuple[Batch | Tensor, ...], size: int
) -> dict[str, Tensor]:
    """`represent(*inputs)`, of `size` clips at a time.

    The result and its gradient are those of the whole batch if `represent` treats each clip by itself: not by batch
    normalization, nor by random numbers that are not of `batch.seed`, as dropout's, which each chunk draws anew.

    Args:
        represent: inputs to tensors `[B, ...]` by name.
        inputs: B clips, or `[B, ...]` each.
        size: clips; 0 is all at once.
    """
    if not 0 < size < len(inputs[0]):
        return represent(*inputs)
    parts = []
    for begin in range(0, len(inputs[0]), size):
        chunk = [given[begin : begin + size] for given in inputs]
        parts.append(
            checkpoint(represent, *chunk, use_reentrant=False) if torch.is_grad_enabled() else represent(*chunk)
        )
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
