"""A network's slow twin, whose output is a target: He et al. 2020, "Momentum Contrast" (MoCo), equation 2."""

import copy

import torch
from torch import nn


class Teacher(nn.Module):
    """A copy without gradient; its modules have the names of those that it was made of.

    Args:
        student: modules by name, of which it starts as a copy.
        momentum: share of itself that it keeps in each step.
    """

    def __init__(self, student: dict[str, nn.Module], momentum: float = 0.999) -> None:
        super().__init__()
        self.momentum = momentum
        self.copies = nn.ModuleDict(copy.deepcopy(student)).requires_grad_(False)

    @torch.no_grad()
    def follow(self, student: dict[str, nn.Module]) -> None:
        """After each optimizer step, a little of the way: weights and, of whole numbers the last, buffers."""
        for name, module in student.items():
            own, other = (dict(each.state_dict(keep_vars=True)) for each in (self.copies[name], module))
            for key, value in own.items():
                if value.is_floating_point():
                    value.lerp_(other[key].detach(), 1 - self.momentum)
                else:
                    value.copy_(other[key])

    def parts(self) -> dict[str, nn.Module]:
        """The copies by name."""
        return dict(self.copies.items())
