"""The numbers of a step, read one step late so that the GPU never waits for them, and checked."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, distributed

from mmssl.distributed import world
from mmssl.errors import UsageError
from mmssl.objective import Terms
from mmssl.training.processes import TIMEOUT

WINDOW, LIMIT = 100, 10  # so many of so many steps without a finite loss and gradient end a run


@dataclass(frozen=True)
class Reading:
    """Loss, gradient norm and terms after `step` steps, means over all processes that have them.

    Attributes:
        fault: why the step was left out; "" for one that was not.
        recent: how many of the last `WINDOW` steps were left out.
    """

    step: int
    numbers: dict[str, float]
    fault: str = ""
    recent: int = 0


@dataclass(frozen=True)
class _Pending:
    step: int
    keys: tuple[str, ...]
    names: tuple[str, ...]
    numbers: Tensor  # the loss of this process, then the means
    copied: torch.cuda.Event | None


class _Names:
    """Agrees on the names of a step's numbers, which may differ between processes, as the batches do."""

    def __init__(self) -> None:
        self._own: tuple[str, ...] = ()
        self._all: tuple[str, ...] = ()
        self.counts = torch.ones(())  # of the processes that have each name, last the gradient's norm; on the device
        # On the processor: asking over NCCL would stall the GPU at every step.
        self._group = distributed.new_group(backend="gloo", timeout=TIMEOUT) if world() > 1 else None

    def of_all(self, own: tuple[str, ...], device: torch.device) -> tuple[str, ...]:
        """Those of this process to those of all, in one order; they are exchanged only where some have changed."""
        if self._group is None:
            return own
        changed = torch.tensor(int(own != self._own))
        distributed.all_reduce(changed, op=distributed.ReduceOp.MAX, group=self._group)
        if changed:
            lists: list[tuple[str, ...]] = [own] * world()
            distributed.all_gather_object(lists, own, group=self._group)
            self._all = tuple(dict.fromkeys(name for each in lists for name in each))
            having = [sum(name in each for each in lists) for name in self._all]
            self.counts = torch.tensor([*having, world()], device=device)  # here alone, as the GPU waits for it
        self._own = own
        return self._all


def _named(keys: Sequence[str]) -> str:
    return ", ".join(keys[:8]) + (f" and {len(keys) - 8} more" if len(keys) > 8 else "")


class Readings:
    """Holds the numbers of the last step on their way from the device.

    Args:
        left_out: steps before this training began whose loss or gradient was not finite.
    """

    def __init__(self, left_out: Sequence[int] = ()) -> None:
        self.left_out = list(left_out)
        self._pending: _Pending | None = None
        self._keys: tuple[str, ...] = ()
        self._parts: list[dict[str, Tensor]] = []
        self._names = _Names()

    def add(self, keys: tuple[str, ...], loss: Tensor, terms: Terms) -> None:
        """Of one batch of the step that is going on.

        Raises:
            UsageError: one of the terms is no single number.
        """
        self._keys += keys
        parts = {name: torch.as_tensor(value, device=loss.device) for name, value in {"loss": loss, **terms}.items()}
        for name, value in parts.items():
            if value.numel() != 1:
                raise UsageError(f"the objective's {name} is {list(value.shape)}; loss and terms are single numbers")
        self._parts.append({name: value.detach().float().reshape(()) for name, value in parts.items()})

    def push(self, step: int, norm: Tensor) -> tuple[Tensor, Reading | None]:
        """The gradient is there: start the way of the step's numbers.

        Args:
            step: steps done with it.
            norm: of its gradient, before clipping.

        Returns:
            Whether loss and gradient are finite, a bool scalar on the device, equal on all processes; and the numbers
            of the step before.
        """
        earlier = self.flush()
        # A term may be missing from a batch, such as one without captions, and from that of one process alone.
        found: dict[str, list[Tensor]] = {}
        for part in self._parts:
            for name, value in part.items():
                found.setdefault(name, []).append(value)
        names = self._names.of_all(tuple(found), norm.device)
        missing = torch.zeros_like(found["loss"][0])
        means = [torch.stack(found.get(name, [missing])).mean() for name in names]
        own = torch.stack([*means, norm.detach().float()])
        everyone = own.clone()
        if world() > 1:
            distributed.all_reduce(everyone)
            everyone /= self._names.counts
        finite = everyone[names.index("loss")].isfinite() & everyone[-1].isfinite()
        numbers, copied = torch.cat([own[:1], everyone]), None
        if numbers.is_cuda:
            numbers = numbers.to("cpu", non_blocking=True)
            copied = torch.cuda.Event()  # type: ignore[no-untyped-call]
            copied.record()
        self._pending = _Pending(step, self._keys, (*names, "gradient_norm"), numbers, copied)
        self._keys, self._parts = (), []
        return finite, earlier

    def flush(self) -> Reading | None:
        """The numbers of the last step, before anything is saved or evaluated; all processes ask together."""
        pending, self._pending = self._pending, None
        if pending is None:
            return None
        if pending.copied is not None:
            pending.copied.synchronize()
        own, *means = pending.numbers.tolist()
        numbers = dict(zip(pending.names, means, strict=True))
        if math.isfinite(numbers["loss"]) and math.isfinite(numbers["gradient_norm"]):
            return Reading(pending.step, numbers)
        self.left_out = [step for step in self.left_out if step > pending.step - WINDOW] + [pending.step]
        return Reading(pending.step, numbers, _fault(pending.keys, own, numbers), len(self.left_out))


def _fault(keys: tuple[str, ...], own: float, numbers: dict[str, float]) -> str:
    """What is not finite and, of the clips of all processes, those that it may come from."""
    losses, everyone = [(own, keys)], [(own, keys)] * world()
    if world() > 1:
        distributed.all_gather_object(everyone, (own, keys))
        losses = everyone
    bad = [(loss, clips) for loss, clips in losses if not math.isfinite(loss)]
    clips = _named([key for _, clips in bad or losses for key in clips])
    if bad:
        return f"the loss is {bad[0][0]}, for clips {clips}"
    return f"the loss is {own}, but the norm of its gradient {numbers['gradient_norm']}, for clips {clips}"
