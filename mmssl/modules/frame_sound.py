"""One frame with the sound around it, with other clips' sound, and the question whether they correspond.

Sound is always cut around the true presentation time of a frame of its own recording, whether it is then paired with
that frame or with another recording's: Arandjelović and Zisserman 2018, section 3.1, found that a network otherwise
reads from sub-frame alignment which pairs are true.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from mmssl.batch import Batch
from mmssl.distributed import gather, mean
from mmssl.errors import UsageError
from mmssl.modules import draws
from mmssl.modules.negatives import clips_and_groups, other_recording
from mmssl.objective import Terms

_FRAME, _OTHER = 11, 12  # streams of draws


class FrameSounds(NamedTuple):
    """A frame and the sound around it, of each of B clips."""

    image: Tensor  # [B, 1, 3, H, W], a video of one frame
    sound: Tensor  # [B, samples]
    keep: Tensor  # [B] bool: both are there, and all of the sound is within the clip


@dataclass(frozen=True)
class SoundWindow:
    """How much sound goes with a frame.

    Attributes:
        seconds: its length; the frame is shown in its middle.
        sample_rate: in Hz.
    """

    seconds: float
    sample_rate: int

    @property
    def samples(self) -> int:
        """Its length in samples."""
        return round(self.seconds * self.sample_rate)

    def drawn(self, batch: Batch) -> FrameSounds:
        """A frame by each clip's seed, any with the same chance whose sound is wholly within the clip.

        Raises:
            UsageError: no clip has such a frame.
        """
        return self._cut(batch, draws.uniform(batch.seed, _FRAME, batch.video.shape[1]))

    def middle(self, batch: Batch) -> FrameSounds:
        """The frame nearest to the middle of each clip, likewise."""
        half = batch.audio.shape[1] / self.sample_rate / 2
        return self._cut(batch, -(batch.video_times - batch.start.unsqueeze(1) - half).abs())

    def _cut(self, batch: Batch, lots: Tensor) -> FrameSounds:
        """The frame of the highest lot `[B, T]` of those that fit; sound is never padded or rolled."""
        length, room = self.samples, batch.audio.shape[1] - self.samples
        times = batch.video_times - batch.start.unsqueeze(1)
        begins = (times * self.sample_rate - length / 2).round().long()
        fits = (begins >= 0) & (begins <= room)
        if not fits.any():
            raise UsageError(
                f"no frame has {self.seconds:g} s of sound around it in clips of "
                f"{batch.audio.shape[1] / self.sample_rate:g} s: ask the data for more seconds or more frames"
            )
        frame = lots.masked_fill(~fits, float("-inf")).argmax(1)
        row = torch.arange(len(batch), device=frame.device)
        begin = begins[row, frame].clamp(min=0, max=room)
        sound = batch.audio.gather(1, begin.unsqueeze(1) + torch.arange(length, device=begin.device))
        keep = fits.any(1) & batch.valid("video") & batch.valid("audio")
        return FrameSounds(batch.video[row, frame].unsqueeze(1), sound, keep)

    def pieces(self, audio: Tensor) -> Tensor:
        """`[B, S]` to `[B, K, samples]`, as many as there are, around the middle; a shorter sound is one piece."""
        count = audio.shape[1] // self.samples
        if count < 2:
            return audio.unsqueeze(1)
        begin = (audio.shape[1] - count * self.samples) // 2
        return audio[:, begin : begin + count * self.samples].reshape(-1, count, self.samples)


def averaged(vectors: Callable[[Tensor], Tensor], parts: Tensor) -> Tensor:
    """`[B, K, ...]` to `[B, E]`: the mean of the vectors of K parts, each taken by itself, as in training."""
    return vectors(parts.flatten(0, 1)).reshape(*parts.shape[:2], -1).mean(1)


def along_time(maps: Callable[[Tensor], Tensor], parts: Tensor) -> Tensor:
    """`[B, K, ...]` to `[B, K * T', *grid, E]`: the maps of K parts, each taken by itself, one after the other."""
    grids = maps(parts.flatten(0, 1))
    return grids.reshape(len(parts), -1, *grids.shape[2:])


def others(batch: Batch, sounds: Tensor, keep: Tensor) -> tuple[Tensor, Tensor]:
    """For each clip the sound of another recording among all processes' clips, chosen from the clip's seed.

    Args:
        batch: B clips.
        sounds: `[B, D]`, their embedded sounds; the gradient goes back to whichever was chosen.
        keep: `[B]` bool, those that may be used.

    Returns:
        `[B, D]` sounds, and `[B]` bool, clips that have both their own and another.
    """
    _, groups = clips_and_groups(batch)
    number, found = other_recording(batch.seed, _OTHER, groups, gather(groups), gather(keep))
    return gather(sounds.float())[number], keep & found


def correspondence_loss(own: Tensor, other: Tensor, keep: Tensor) -> tuple[Tensor, Terms]:
    """The logistic loss of "does it correspond?", over one true and one false pair a clip.

    Args:
        own: `[B]` log-odds that a frame goes with its own sound. For two classes under softmax it is the difference of
            their logits, and this is their cross-entropy.
        other: `[B]`, with another recording's.
        keep: `[B]` bool, clips that have both.

    Returns:
        This process's share of the mean over all pairs, ln 2 at chance, and the share of right answers.
    """
    margin = torch.stack([own, -other]).float()
    loss = mean(functional.softplus(-margin).mean(0), keep)
    return loss, {"accuracy": mean((margin > 0).float().mean(0), keep).detach()}
