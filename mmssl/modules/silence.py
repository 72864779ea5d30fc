"""Sounds that nothing in view makes, as negatives: without them a map need not be low anywhere when nothing sounds.

Mo and Morgado 2022, "A Closer Look at Weakly-Supervised Audio-Visual Source Localization" (SLAVC), section 4.3, found
that models point with confidence at something in every picture, whatever is heard.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from mmssl.batch import Batch
from mmssl.modules import draws

_KIND, _NOISE, _LEVEL = 141, 142, 143  # streams of draws


@dataclass(frozen=True)
class SilentSounds:
    """One sound a clip, from its seed: nothing at all, or white noise.

    Attributes:
        noise: probability of noise.
        level: its root mean square, least and most, drawn on a logarithmic scale.
    """

    noise: float = 0.5
    level: tuple[float, float] = (0.003, 0.1)

    def __call__(self, batch: Batch) -> Tensor:
        """`[B, S]`, as `batch.audio`."""
        low, high = self.level
        level = low * (high / low) ** draws.uniform(batch.seed, _LEVEL)
        level = level * (draws.uniform(batch.seed, _KIND) < self.noise)
        even = draws.uniform(batch.seed, _NOISE, batch.audio.shape[1]) * 2 - 1
        return (even * level * 3**0.5).clamp(-1, 1).to(batch.audio.dtype)  # an even draw has the level 1/sqrt(3)


def silent_key(groups: Tensor) -> Tensor:
    """Keys like `[B, 1]` `groups`, which none of those equals: a negative of everybody."""
    return torch.full_like(groups, -1)
