"""Weights, gradients and moments divided among the processes (Zhao et al. 2023, "PyTorch FSDP"; torch's `fully_shard`).

Each process holds a part of every weight, and a block's weights are gathered when their turn comes. Losses and
gradients are those of `DistributedDataParallel`, and so are the checkpoints, which process 0 writes from all parts.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, distributed, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.nn.utils import clip_grad_norm_, get_total_norm

from mmssl.distributed import rank, world
from mmssl.objective import Objective


def shard(objective: Objective, device: torch.device) -> None:
    """In place; names stay the same ones."""
    for tensor in objective.state_dict().values():
        # Where each process drew its own weights, parts of different ones would not make one whole.
        distributed.broadcast(tensor, 0)
    mesh = init_device_mesh(device.type, (world(),))
    # A single number cannot be divided: temperatures stay whole, and their gradient is averaged here.
    single = {weight for weight in objective.parameters() if weight.ndim == 0}
    for weight in single:
        if weight.requires_grad:
            weight.register_post_accumulate_grad_hook(_average)  # type: ignore[no-untyped-call]
    for module in (*objective.units(), objective):
        fully_shard(module, mesh=mesh, ignored_params=single)


def _average(weight: Tensor) -> None:
    """After each batch of a step: what is averaged already does not change by it."""
    assert weight.grad is not None
    distributed.all_reduce(weight.grad)
    weight.grad /= world()


def whole(tensor: Tensor) -> Tensor:
    """All parts of a tensor, for process 0 and in main memory; nothing for the others, which must ask as well."""
    if not isinstance(tensor, DTensor):
        return tensor
    gathered = tensor.full_tensor()
    return gathered.cpu() if rank() == 0 else torch.empty(0)


def like(saved: Tensor, own: Tensor) -> Tensor:
    """A tensor laid out, placed and divided as `own` is."""
    if isinstance(own, DTensor):
        # Every process has read the same file, so each takes its part without asking another.
        return distribute_tensor(saved.to(own.device), own.device_mesh, own.placements, src_data_rank=None)
    return torch.empty_like(own).copy_(saved)


def clip_gradient(weights: Sequence[nn.Parameter], limit: float) -> Tensor:
    """The norm of the gradient over all weights, wherever their parts are; beyond `limit` it is scaled down to that."""
    gradients = [weight.grad for weight in weights if weight.grad is not None]
    if not any(isinstance(gradient, DTensor) for gradient in gradients):
        return clip_grad_norm_(weights, limit)
    parts = [gradient.to_local() for gradient in gradients if isinstance(gradient, DTensor)]
    single = [gradient for gradient in gradients if not isinstance(gradient, DTensor)]
    square = get_total_norm(parts).square()
    distributed.all_reduce(square)
    norm = (square + get_total_norm(single).square().to(square.device)).sqrt()
    torch._foreach_mul_([*parts, *single], (limit / (norm + 1e-6)).clamp(max=1))
    return norm
