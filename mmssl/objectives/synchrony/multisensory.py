"""Multisensory: one network sees and hears a few seconds; is this sound of this moment, or of another of the clip?

Owens and Efros 2018, "Audio-Visual Scene Analysis with Self-Supervised Multisensory Features" (ECCV), section 3.

Departures: sound is mono; shifted sound, like the true one, begins when a frame is shown, and the two places are drawn
together, so that neither class prefers a part of the clip. The towers and the network that joins them are arguments;
the paper's are in `encoders/multisensory.py` and `modules/fused_tower.py`.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from mmssl.batch import Batch
from mmssl.encoder import Encoder
from mmssl.modules.cached_gradient import in_chunks
from mmssl.modules.frame_sound import correspondence_loss
from mmssl.modules.fused_tower import FusedTower
from mmssl.modules.shifts import Shift, Stretch
from mmssl.modules.when_training import WhenTraining
from mmssl.objective import Objective, Terms

_PLACES = 21  # stream of draws


class Multisensory(Objective):
    """Alignment by early fusion; nothing puts sight and sound in one space, so they cannot be compared.

    Args:
        video: its tower before the fusion, `[B, T, 3, H, W]` to `[B, T', H', W', Dv]`.
        audio: likewise, `[B, S]` to `[B, Ta, F, Da]`; it has a `sample_rate`.
        fusion: maps of both to a logit a place, `[B, T'', H'', W'']`; the paper's when None.
        seconds: of the part that is seen and heard; ask the data for more than `gap` longer clips.
        gap: seconds between the beginnings of true and shifted sound, at least.
        step: `sync_step`, seconds between two frames.
        augment: of the video, when training: `(video, seed) -> video`.
        audio_augment: of the sound, likewise.
    """

    synchronous = True
    comparable = False
    chunk: int | None = 0

    def __init__(
        self,
        *,
        video: Encoder,
        audio: Encoder,
        fusion: nn.Module | None = None,
        seconds: float = 4.2,
        gap: float = 2.0,
        step: float = 1 / 29.97,
        augment: nn.Module | None = None,
        audio_augment: nn.Module | None = None,
    ) -> None:
        super().__init__({"video": video, "audio": audio}, {"video": nn.Identity(), "audio": nn.Identity()})
        self.fusion = fusion or FusedTower(video.dim, audio.dim)
        self.stretch, self.rule = Stretch(seconds, int(audio.sample_rate)), Shift(gap)  # type: ignore[arg-type]
        self.sync_step = step
        self.augment, self.audio_augment = WhenTraining(augment), WhenTraining(audio_augment)

    def forward(self, batch: Batch) -> tuple[Tensor, Terms]:
        """The logistic loss over the true and the shifted sound of each clip, about ln 2 at chance; terms: accuracy."""
        cut = self.stretch.drawn(batch, self.rule, _PLACES)
        picture, sound = self.stretch.picture(batch, cut.frame), self.audio_augment(batch.audio, batch)
        sounds = self.stretch.sound(sound, torch.stack([cut.own, cut.other], 1))  # [B, 2, samples]
        logits = in_chunks(self._both, (self.augment(picture, batch), sounds), self.chunk or 0)["logits"]
        return correspondence_loss(logits[:, 0], logits[:, 1], cut.shifted)

    def _both(self, picture: Tensor, sounds: Tensor) -> dict[str, Tensor]:
        """`[B, 2]`, of each clip's picture with its true and its shifted sound, in one batch."""
        seen = self.encoders["video"](picture).repeat_interleave(2, 0)
        logits = self.activation(seen, self.encoders["audio"](sounds.flatten(0, 1)))
        return {"logits": logits.flatten(1).mean(1).unflatten(0, (-1, 2))}  # type: ignore[no-untyped-call]

    def activation(self, seen: Tensor, heard: Tensor) -> Tensor:
        """Maps of both towers to the class-activation map `[N, T'', H'', W'']`; its mean is the logit "in time"."""
        logits: Tensor = self.fusion(seen, heard)
        return logits

    def sync_distances(self, batch: Batch, reach: int) -> Tensor:
        """`[B, W, 2 reach + 1]`, minus the logit of a stretch with the sound k `sync_step` later, k from -reach on.

        Each shift is computed once for all of a clip, over what there is of both; a stretch's logit is the mean of the
        activation over its time. nan where its sound is not wholly inside the clip.
        """
        found = []
        for k in range(-reach, reach + 1):
            begin, inside = self.stretch.begins(batch, k * self.sync_step)
            inside = inside & (batch.valid("video") & batch.valid("audio")).unsqueeze(1)
            rows = [self._logits(batch, row, begin[row], inside[row]) for row in range(len(batch))]
            found.append(-torch.stack(rows))
        return torch.stack(found, 2)

    def _logits(self, batch: Batch, row: int, begin: Tensor, inside: Tensor) -> Tensor:
        """`[W]` of the stretches of one clip that may be heard from `begin` on; nan of the others."""
        logits = torch.full(inside.shape, float("nan"), device=inside.device)
        places = inside.nonzero()[:, 0].tolist()
        if not places:
            return logits
        first, last, length = places[0], places[-1], self.stretch.frames(batch)
        picture = batch.video[row, first : last + length].unsqueeze(0)
        end = int(begin[last]) + self.stretch.samples
        sound = batch.audio[row, int(begin[first]) : end].unsqueeze(0)
        activation = self.activation(self.encoders["video"](picture), self.encoders["audio"](sound))
        by_frame = functional.interpolate(activation.mean((2, 3)).unsqueeze(1), picture.shape[1], mode="linear")
        logits[first : last + 1] = functional.avg_pool1d(by_frame, length, 1)[0, 0]
        return logits.masked_fill(~inside, float("nan"))

    def pair_scores(self, batch: Batch) -> Tensor:
        """`[B, B]` logits that each clip's picture (rows) goes with each clip's sound (columns), of all of both."""
        seen, heard = self.encoders["video"](batch.video), self.encoders["audio"](batch.audio)
        rows = [self.activation(one.expand(len(heard), *one.shape), heard).flatten(1).mean(1) for one in seen]
        return torch.stack(rows)

    def heat(self, batch: Batch) -> Tensor:
        """`[B, T', H', W']`, the class-activation map of the clip with its own sound, as fine as the video's map."""
        seen = self.encoders["video"](batch.video)
        activation = self.activation(seen, self.encoders["audio"](batch.audio)).unsqueeze(1)
        return functional.interpolate(activation, seen.shape[1:4], mode="trilinear").squeeze(1)
