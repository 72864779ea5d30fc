"""The numbers of a step, read one step late so that the GPU never waits for them, and checked."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, distributed

from mmssl.distributed import world
from mmssl.errors import TrainingError
from mmssl.objective import Terms


@dataclass(frozen=True)
class Reading:
    """Loss, gradient norm and terms after `step` steps, means over all processes."""

    step: int
    numbers: dict[str, float]


@dataclass(frozen=True)
class _Pending:
    step: int
    keys: tuple[str, ...]
    names: tuple[str, ...]
    numbers: Tensor  # the loss of this process, then the means
    copied: torch.cuda.Event | None


def _named(keys: tuple[str, ...]) -> str:
    return ", ".join(keys[:8]) + (f" and {len(keys) - 8} more" if len(keys) > 8 else "")


class Readings:
    """Holds the numbers of the last step on their way from the device."""

    def __init__(self) -> None:
        self._pending: _Pending | None = None
        self._keys: tuple[str, ...] = ()
        self._parts: list[dict[str, Tensor]] = []

    def add(self, keys: tuple[str, ...], loss: Tensor, terms: Terms) -> None:
        """Of one batch of the step that is going on."""
        self._keys += keys
        parts = {"loss": loss, **terms}
        self._parts.append({name: value.detach().float().reshape(()) for name, value in parts.items()})

    def push(self, step: int, norm: Tensor) -> Reading | None:
        """The step is done: start the way of its numbers; gives those of the step before.

        Args:
            step: steps done with it.
            norm: of its gradient, before clipping.

        Raises:
            TrainingError: those of the step before are not finite.
        """
        earlier = self.flush()
        # A term may be missing from a batch, such as one without captions.
        names = tuple({name: None for part in self._parts for name in part})
        means = [torch.stack([part[name] for part in self._parts if name in part]).mean() for name in names]
        own = torch.stack([*means, norm.detach().float()])
        everyone = own.clone()
        if world() > 1:
            distributed.all_reduce(everyone)
            everyone /= world()
        numbers, copied = torch.cat([own[:1], everyone]), None
        if numbers.is_cuda:
            numbers = numbers.to("cpu", non_blocking=True)
            copied = torch.cuda.Event()  # type: ignore[no-untyped-call]
            copied.record()
        self._pending = _Pending(step, self._keys, (*names, "gradient_norm"), numbers, copied)
        self._keys, self._parts = (), []
        return earlier

    def flush(self) -> Reading | None:
        """The numbers of the last step, before anything is saved or evaluated.

        Raises:
            TrainingError: they are not finite; it names the step and the clips.
        """
        pending, self._pending = self._pending, None
        if pending is None:
            return None
        if pending.copied is not None:
            pending.copied.synchronize()
        own, *means = pending.numbers.tolist()
        numbers = dict(zip(pending.names, means, strict=True))
        loss, norm = numbers["loss"], numbers["gradient_norm"]
        if not math.isfinite(own):
            self._stop(pending, f"the loss is {own}")
        if not math.isfinite(loss):
            self._stop(pending, f"the loss is {own} here, but {loss} over all processes")
        if not math.isfinite(norm):
            self._stop(pending, f"the loss is {own}, but the norm of its gradient {norm}")
        return Reading(pending.step, numbers)

    def _stop(self, pending: _Pending, what: str) -> None:
        raise TrainingError(
            f"step {pending.step}: {what}, for clips {_named(pending.keys)}; the checkpoints are untouched, "
            "resume with a lower lr or clip_norm, or look at these clips"
        )
