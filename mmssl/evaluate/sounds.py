"""The same pictures with other sounds: what a heat map should not answer to."""

from collections.abc import Callable

import torch
from torch import Tensor

from mmssl.batch import Batch
from mmssl.modules import draws

_NOISE = 901  # of modules/draws
Sound = Callable[[Batch], tuple[Tensor, Tensor]]  # `[B, S]` and, `[B]` bool, where it could be made


def own(batch: Batch) -> tuple[Tensor, Tensor]:
    """The clip's."""
    return batch.audio, batch.valid("audio")


def silence(batch: Batch) -> tuple[Tensor, Tensor]:
    """Zeros."""
    return torch.zeros_like(batch.audio), torch.ones(len(batch), dtype=torch.bool, device=batch.audio.device)


def noise(batch: Batch) -> tuple[Tensor, Tensor]:
    """White, as loud as the clip itself (0.05 when that is silent), from the clip's seed."""
    even = draws.uniform(batch.seed, _NOISE, batch.audio.shape[1]) * 2 - 1
    loud = batch.audio.square().mean(1, keepdim=True).sqrt()
    loud = torch.where(loud > 1e-4, loud, torch.full_like(loud, 0.05))
    made = (even * loud * 3**0.5).clamp(-1, 1)  # an even draw in [-1, 1] has the level 1/sqrt(3)
    return made.to(batch.audio.dtype), torch.ones(len(batch), dtype=torch.bool, device=batch.audio.device)


def another(batch: Batch) -> tuple[Tensor, Tensor]:
    """That of the next recording of another group in the batch."""
    size = len(batch)
    distance = (torch.arange(size).unsqueeze(0) - torch.arange(size).unsqueeze(1)).remainder(size)
    stranger = (batch.group.unsqueeze(1) != batch.group) & batch.valid("audio")
    distance = distance.to(batch.audio.device).masked_fill(~stranger, size)
    return batch.audio[distance.argmin(1)], stranger.any(1)


def with_sound(batch: Batch, audio: Tensor) -> Batch:
    """The batch with another sound."""
    return Batch(keys=batch.keys, **{**dict(batch.tensors()), "audio": audio})
