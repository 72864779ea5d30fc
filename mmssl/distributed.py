"""The processes of a run, and rows of all of them with the gradient going home; without a group there is just one."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, distributed


def _started() -> bool:
    return distributed.is_available() and distributed.is_initialized()


def rank() -> int:
    """The number of this process, from 0."""
    return distributed.get_rank() if _started() else 0


def world() -> int:
    """The number of processes, W."""
    return distributed.get_world_size() if _started() else 1


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        parts = [torch.empty_like(rows, memory_format=torch.contiguous_format) for _ in range(world())]
        distributed.all_gather(parts, rows.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # type: ignore[override]
        # gloo has no reduce-scatter. The sum, not the mean: DDP divides by W once, over the parameters.
        total = gradient.contiguous().clone()
        distributed.all_reduce(total)
        return total.chunk(world())[rank()]


def gather(rows: Tensor) -> Tensor:
    """`[B, ...]`, one shape on all, to `[W * B, ...]` by rank; all gradients of a row are summed where it came from."""
    if world() == 1:
        return rows
    gathered: Tensor = _Gather.apply(rows)  # type: ignore[no-untyped-call]
    return gathered


def of_first(tensor: Tensor) -> Tensor:
    """Process 0's tensor on all; those of the others only say type, device and number of axes."""
    if world() == 1:
        return tensor
    shape = torch.tensor(tensor.shape, device=tensor.device)
    distributed.broadcast(shape, 0)
    sent = tensor.contiguous() if rank() == 0 else tensor.new_empty(shape.tolist())
    distributed.broadcast(sent, 0)
    return sent


def pass_on(*tensors: Tensor) -> Callable[[], tuple[Tensor, ...]]:
    """Begin to send tensors to the next process of the ring, and to receive those of the one before.

    Args:
        tensors: of one shape on all processes; they must not change before the end.

    Returns:
        Waits for the end and gives what came; after W times everything is home again.
    """
    if world() == 1:
        return lambda: tensors
    going = [tensor.contiguous() for tensor in tensors]
    coming = [torch.empty_like(tensor) for tensor in going]
    after, before = (rank() + 1) % world(), (rank() - 1) % world()
    sends = [distributed.P2POp(distributed.isend, tensor, after, tag=n) for n, tensor in enumerate(going)]
    receives = [distributed.P2POp(distributed.irecv, tensor, before, tag=n) for n, tensor in enumerate(coming)]
    requests = distributed.batch_isend_irecv([*sends, *receives])

    def wait() -> tuple[Tensor, ...]:
        for request in requests:
            request.wait()
        going.clear()
        return tuple(coming)

    return wait


def share(keep: Tensor) -> Tensor:
    """From bools, which of this process's rows count: by this a sum over them becomes its part of the mean over all.

    The parts' mean over processes is the mean of all kept rows, few or many on each; 0 rows count as 1.
    """
    return world() / gather(keep.sum().reshape(1)).sum().clamp(min=1).double()


def mean(values: Tensor, keep: Tensor) -> Tensor:
    """From `[B]` and `[B]` bool a share whose mean over processes is the mean of all kept rows, few or many on each."""
    return values.masked_fill(~keep, 0).sum() * share(keep).to(values.dtype)


def weighted_mean(values: Tensor, weights: Tensor) -> Tensor:
    """From `[B]` and `[B]` weights a share whose mean over processes is the weighted mean of all; 0 if all weigh 0."""
    total = gather(weights.sum().reshape(1)).sum()
    mine = (values.masked_fill(weights == 0, 0) * weights).sum()
    return mine * world() / total.clamp(min=torch.finfo(total.dtype).tiny)
