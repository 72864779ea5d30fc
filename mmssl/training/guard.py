"""A step whose loss or gradient is not finite is left out as if it had never been, without the GPU being asked."""

import torch
from torch import Tensor, nn


class Guard:
    """Decides on the device itself; the processor learns of it one step later, from the readings.

    Weights, moments and the optimizer's count of steps stay as they were, and so do the buffers, which the forward pass
    has changed already: statistics of batch normalization or a queue of embeddings would carry what is not finite into
    every later step.

    Args:
        objective: whose buffers are watched.
        optimizer: fused, so that it obeys `found_inf`, torch's own name for what `torch.amp.GradScaler` hands it.
    """

    def __init__(self, objective: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        self.objective, self.optimizer = objective, optimizer
        self._before: list[Tensor] = []

    def watch(self) -> None:
        """Before the forward passes of a step."""
        self._before = [_joined(group) for group in self._groups()]

    @torch.no_grad()
    def step(self, finite: Tensor) -> None:
        """Move the weights where `finite`, a bool scalar that is equal on all processes; else undo what was done."""
        self.optimizer.found_inf = (~finite).float()  # type: ignore[attr-defined]
        self.optimizer.step()
        for group, before in zip(self._groups(), self._before, strict=True):
            chosen = torch.where(finite, _joined(group), before)
            parts = torch.split(chosen, [buffer.numel() for buffer in group])
            torch._foreach_copy_(group, [part.view(buffer.shape) for part, buffer in zip(parts, group, strict=True)])

    def _groups(self) -> list[list[Tensor]]:
        """Buffers of one type, to be copied by one kernel instead of hundreds."""
        groups: dict[torch.dtype, list[Tensor]] = {}
        for buffer in self.objective.buffers():
            groups.setdefault(buffer.dtype, []).append(buffer)
        return list(groups.values())


def _joined(buffers: list[Tensor]) -> Tensor:
    return torch.cat([buffer.detach().flatten() for buffer in buffers])
