"""Short windows of picture, each with the sound of the same instants, and their distances at every shift.

A window of sound is always cut around the true presentation times of frames of its clip, whether it is compared with
the picture of the same instants or of others: both classes then have the same sub-frame phase. Windows that are not
wholly within the clip's sound are left out; nothing is padded or rolled, so no clip's end tells anything.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from mmssl.batch import Batch
from mmssl.errors import UsageError
from mmssl.modules.frame_sound import SoundWindow
from mmssl.modules.precision import full_precision

TOLERANCE = 1e-3  # s; containers round presentation times to a millisecond


class Instants(NamedTuple):
    """W windows of each of B clips."""

    middle: Tensor  # [B, W] float64, seconds from the clip's start
    begin: Tensor  # [B, W] int64, first sample of the sound, moved into the clip where it would leave it
    usable: Tensor  # [B, W] bool: picture and sound are there, and all of the sound is within the clip

    def apart(self, nearest: float, farthest: float) -> Tensor:
        """`[B, W, W]` bool: sounds (columns) that are `nearest` to `farthest` seconds from a picture (rows)."""
        gap = (self.middle.unsqueeze(2) - self.middle.unsqueeze(1)).abs()
        usable = self.usable.unsqueeze(2) & self.usable.unsqueeze(1)
        return usable & (gap >= nearest - TOLERANCE) & (gap <= farthest + TOLERANCE)

    def at_shifts(self, distances: Tensor, step: float, reach: int) -> Tensor:
        """Distances of all pairs `[B, W, W]` to `[B, W, 2 reach + 1]`, of sound `k step` seconds later, from -reach on.

        It is that of the window nearest to the shifted time; nan where none is within half a step.
        """
        shifts = torch.arange(-reach, reach + 1, device=distances.device) * step
        wanted = (self.middle.unsqueeze(2) + shifts).flatten(1)
        after = torch.searchsorted(self.middle, wanted).clamp(max=self.middle.shape[1] - 1)
        before = (after - 1).clamp(min=0)
        away = [(self.middle.gather(1, index) - wanted).abs() for index in (before, after)]
        nearest, away_by = torch.where(away[0] < away[1], before, after), torch.minimum(*away)
        known = (away_by <= step / 2) & self.usable.gather(1, nearest)
        shape = (*self.middle.shape, len(shifts))
        known, nearest = known.reshape(shape) & self.usable.unsqueeze(2), nearest.reshape(shape)
        return distances.float().gather(2, nearest).masked_fill(~known, float("nan"))


@dataclass(frozen=True)
class SyncWindows:
    """Windows of sound around the middle of the time for which the frames of a window of picture are shown.

    Attributes:
        seconds: of sound.
        sample_rate: in Hz.
        unit: whether vectors are scaled to length 1 before they are compared.
    """

    seconds: float
    sample_rate: int
    unit: bool = False

    @property
    def samples(self) -> int:
        """Of a window of sound."""
        return round(self.seconds * self.sample_rate)

    def instants(self, batch: Batch, windows: int) -> Instants:
        """Of the W windows that an encoder made of T frames: each is of T - W + 1 frames that follow each other."""
        times = batch.video_times - batch.start.unsqueeze(1)
        frames = times.shape[1]
        shown = (times[:, -1:] - times[:, :1]) / max(frames - 1, 1)  # how long a frame stands
        middle = (times[:, :windows] + times[:, frames - windows :] + shown) / 2
        begin = (middle * self.sample_rate - self.samples / 2).round().long()
        last = batch.audio.shape[1] - self.samples
        usable = (begin > 0) & (begin < last)
        usable = usable & (batch.valid("video") & batch.valid("audio")).unsqueeze(1)
        return Instants(middle, begin.clamp(min=0, max=max(last, 0)), usable)

    def sounds(self, audio: Tensor, begin: Tensor) -> Tensor:
        """`[B, S]` and first samples `[B, W]` to `[B, W, samples]`."""
        if audio.shape[1] < self.samples:
            have = audio.shape[1] / self.sample_rate
            raise UsageError(
                f"windows of {self.seconds:g} s of sound do not fit into clips of {have:g} s: ask for longer"
            )
        row = torch.arange(len(audio), device=audio.device).unsqueeze(1)
        return audio.unfold(1, self.samples, 1)[row, begin]

    def space(self, vectors: Tensor) -> Tensor:
        """`[..., E]` as they are compared, float32."""
        return functional.normalize(vectors.float(), dim=-1) if self.unit else vectors.float()

    def pieces(self, audio: Tensor) -> Tensor:
        """`[B, S]` to `[B, K, samples]`, one after the other."""
        return SoundWindow(self.seconds, self.sample_rate).pieces(audio)


def distances(picture: Tensor, sound: Tensor) -> Tensor:
    """Euclidean, of `[..., W, E]` and `[..., V, E]`: `[..., W, V]`, float32, with a gradient also where they meet."""
    with full_precision(picture):
        picture, sound = picture.float(), sound.float()
        squares = picture.square().sum(-1).unsqueeze(-1) + sound.square().sum(-1).unsqueeze(-2)
        return (squares - 2 * picture @ sound.transpose(-1, -2)).clamp(min=1e-6).sqrt()
