"""A stretch of a clip's picture with its own sound, and with sound of the same clip from another time.

Both sounds begin when a frame of the clip is shown, by true presentation times, so their sub-frame phase is the same.
The two places are drawn together, any two that keep the rule with one probability: true and shifted sounds then come
from the same places of the clip equally often. Nothing is padded or rolled; a sound that is not wholly within the clip
is not used.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from mmssl.batch import Batch
from mmssl.errors import UsageError
from mmssl.modules import draws

TOLERANCE = 1e-3  # s; containers round presentation times to a millisecond
_ALONE = 1 << 10  # added to a stream, for clips where no second place keeps the rule


@dataclass(frozen=True)
class Shift:
    """How far shifted sound is from the true one, between their beginnings.

    Attributes:
        least: seconds.
        most: seconds.
    """

    least: float
    most: float = float("inf")

    def allows(self, seconds: Tensor) -> Tensor:
        """Of any shape, bool."""
        away = seconds.abs()
        return (away >= self.least - TOLERANCE) & (away <= self.most + TOLERANCE)


class Shifted(NamedTuple):
    """Where B clips were cut."""

    frame: Tensor  # [B] first frame of the picture
    own: Tensor  # [B] first sample of its sound
    other: Tensor  # [B] first sample of the shifted sound, its own where there is none
    keep: Tensor  # [B] bool: picture and sound are there
    shifted: Tensor  # [B] bool: and so is shifted sound


@dataclass(frozen=True)
class Stretch:
    """How long the parts are.

    Attributes:
        seconds: of picture and of sound.
        sample_rate: in Hz.
    """

    seconds: float
    sample_rate: int

    @property
    def samples(self) -> int:
        """Of the sound."""
        return round(self.seconds * self.sample_rate)

    def frames(self, batch: Batch) -> int:
        """Of the picture, from how many the clips have.

        Raises:
            UsageError: clips are shorter.
        """
        have = batch.audio.shape[1] / self.sample_rate
        if not self.seconds < have:
            raise UsageError(f"{self.seconds:g} s are to be cut from clips of {have:g} s: ask the data for longer ones")
        return max(round(self.seconds / have * batch.video.shape[1]), 1)

    def begins(self, batch: Batch, later: float = 0.0) -> tuple[Tensor, Tensor]:
        """For each frame that a stretch may begin with, the first sample of sound `later` seconds after it.

        Returns:
            `[B, P]` samples, and `[B, P]` bool: whether all of the sound is within the clip.
        """
        times = batch.video_times[:, : batch.video.shape[1] - self.frames(batch) + 1] - batch.start.unsqueeze(1)
        begin = ((times + later) * self.sample_rate).round().long()
        return begin, (begin > 0) & (begin + self.samples < batch.audio.shape[1])

    def drawn(self, batch: Batch, rule: Shift, stream: int) -> Shifted:
        """Two places of each clip, by its seed.

        Args:
            batch: B clips.
            rule: of the shift.
            stream: of `draws`.

        Raises:
            UsageError: no clip is long enough for one stretch.
        """
        begin, inside = self.begins(batch)
        if not inside.any():
            raise UsageError(f"no frame has {self.seconds:g} s of sound after it within the clip: ask for longer clips")
        count = begin.shape[1]
        seconds = (begin.unsqueeze(2) - begin.unsqueeze(1)) / self.sample_rate
        allowed = (inside.unsqueeze(2) & inside.unsqueeze(1) & rule.allows(seconds)).flatten(1)
        pair = draws.uniform(batch.seed, stream, count * count).masked_fill(~allowed, -1).argmax(1)
        alone = draws.uniform(batch.seed, stream + _ALONE, count).masked_fill(~inside, -1).argmax(1)
        found = allowed.any(1)
        frame = torch.where(found, pair // count, alone)
        other = torch.where(found, pair % count, alone)
        keep = inside.any(1) & batch.valid("video") & batch.valid("audio")
        own, shifted = (begin.gather(1, at.unsqueeze(1))[:, 0] for at in (frame, other))
        return Shifted(frame, own, shifted, keep, keep & found)

    def picture(self, batch: Batch, frame: Tensor) -> Tensor:
        """From first frames `[B]`: `[B, n, 3, H, W]`."""
        row = torch.arange(len(frame), device=frame.device).unsqueeze(1)
        return batch.video[row, frame.unsqueeze(1) + torch.arange(self.frames(batch), device=frame.device)]

    def sound(self, audio: Tensor, begin: Tensor) -> Tensor:
        """From first samples `[B, K]`, moved into the clip where it would leave it: `[B, K, samples]`."""
        row = torch.arange(len(audio), device=audio.device).unsqueeze(1)
        return audio.unfold(1, self.samples, 1)[row, begin.clamp(min=0, max=audio.shape[1] - self.samples)]
