"""Objectives on the windows of a clip: SyncNet and Perfect Match differ in what they make of the distances."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from mmssl.batch import Batch, Modality
from mmssl.encoder import Encoder
from mmssl.errors import UsageError
from mmssl.modules.cached_gradient import in_chunks
from mmssl.modules.frame_sound import along_time
from mmssl.modules.sync_windows import Instants, SyncWindows, distances
from mmssl.modules.when_training import WhenTraining
from mmssl.objective import Objective


class SyncPairs(NamedTuple):
    """W windows of each of B clips."""

    at: Instants
    picture: Tensor  # [B, W, E]
    sound: Tensor  # [B, W, E]

    def distances(self) -> Tensor:
        """`[B, W, W]` of pictures (rows) and sounds (columns) of one clip."""
        return distances(self.picture, self.sound)

    def across_clips(self) -> Tensor:
        """`[B, B]`, minus the mean distance of a clip's pictures (rows) to another's sounds of the same windows."""
        both = (self.at.usable.unsqueeze(1) & self.at.usable).float()  # [B, B, W]
        apart = torch.stack(
            [distances(p, s) for p, s in zip(self.picture.unbind(1), self.sound.unbind(1), strict=True)], 2
        )
        return -(apart * both).sum(2) / both.sum(2).clamp(min=1)


class SyncLearner(Objective):
    """Two towers that meet window by window.

    Args:
        video: encoder that makes of T frames one place in time for each window of frames (stride 1, no padding).
        audio: encoder of one window of sound; it has a `sample_rate`, and as many features as the video's.
        seconds: of sound to a window: those of its frames.
        unit: whether vectors are scaled to length 1 before they are compared.
        step: `sync_step`, seconds between two frames.
        augments: of video and audio, when training: `(inputs, seed) -> inputs`.

    Raises:
        UsageError: the encoders have not as many features.
    """

    synchronous = True
    comparable = False
    chunk: int | None = 0

    def __init__(
        self,
        *,
        video: Encoder,
        audio: Encoder,
        seconds: float,
        unit: bool,
        step: float,
        augments: tuple[nn.Module | None, nn.Module | None],
    ) -> None:
        if video.dim != audio.dim:
            name = type(self).__name__
            raise UsageError(f"{name} needs as many features of video ({video.dim}) as of audio ({audio.dim})")
        super().__init__({"video": video, "audio": audio}, {"video": nn.Identity(), "audio": nn.Identity()})
        self.augment, self.audio_augment = (WhenTraining(augment) for augment in augments)
        self.windows = SyncWindows(seconds, int(audio.sample_rate), unit)  # type: ignore[arg-type]
        self.sync_step = step

    def pairs(self, batch: Batch) -> SyncPairs:
        """Each clip's vectors: pictures as one sequence, for windows share frames, sounds cut window by window."""
        vectors = in_chunks(self._represent, (batch,), self.chunk or 0)
        picture, sound = self.windows.space(vectors["picture"]), self.windows.space(vectors["sound"])
        return SyncPairs(self.windows.instants(batch, picture.shape[1]), picture, sound)

    def sync_distances(self, batch: Batch, reach: int) -> Tensor:
        """`[B, W, 2 reach + 1]` distances to the sound k `sync_step` later, k from -reach on; nan outside the clip."""
        pairs = self.pairs(batch)
        return pairs.at.at_shifts(pairs.distances(), self.sync_step, reach)

    def features(self, batch: Batch, modality: Modality) -> tuple[Tensor, Tensor | None]:
        """As of every objective, of sound window after window."""
        if modality != "audio":
            return super().features(batch, modality)
        return along_time(self.encoders["audio"], self.windows.pieces(batch.audio)), None

    def pair_scores(self, batch: Batch) -> Tensor:
        """`[B, B]`, minus the mean distance of one clip's windows (rows) to another's sound at the same time."""
        return self.pairs(batch).across_clips()

    def heat(self, batch: Batch) -> Tensor:
        """`[B, W, H', W']`, minus the distance of each place to the sound of its window."""
        grid, _ = self.features(batch, "video")
        sound = self._vectors_of_sound(batch.audio, self.windows.instants(batch, grid.shape[1]))
        places = self.windows.space(grid.flatten(2, 3))
        return -distances(places, self.windows.space(sound).unsqueeze(2)).reshape(grid.shape[:-1])

    def _represent(self, clips: Batch) -> dict[str, Tensor]:
        """`[B, W, E]` of pictures and of sounds."""
        grid, _ = self.features(Batch(video=self.augment(clips.video, clips)), "video")
        at = self.windows.instants(clips, grid.shape[1])
        sound = self._vectors_of_sound(self.audio_augment(clips.audio, clips), at)
        picture: Tensor = self.encoders["video"].pool(grid.flatten(0, 1).unsqueeze(1))  # type: ignore[operator]
        return {"picture": picture.unflatten(0, grid.shape[:2]), "sound": sound}  # type: ignore[no-untyped-call]

    def _vectors_of_sound(self, audio: Tensor, at: Instants) -> Tensor:
        """`[B, S]` to `[B, W, E]`, each window by itself."""
        encoder, sound = self.encoders["audio"], self.windows.sounds(audio, at.begin)
        vectors: Tensor = encoder.pool(encoder(sound.flatten(0, 1)))  # type: ignore[operator]
        return vectors.unflatten(0, sound.shape[:2])  # type: ignore[no-any-return, no-untyped-call]
