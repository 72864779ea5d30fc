"""Vectors of picture and sound, window by window, and what synchronization needs of their distances."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from mmssl.batch import Batch
from mmssl.modules.cached_gradient import in_chunks
from mmssl.modules.sync_windows import Instants, SyncWindows, distances
from mmssl.modules.when_training import WhenTraining
from mmssl.objective import Objective

Augments = tuple[WhenTraining, WhenTraining]  # of video and of sound


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


def sync_pairs(objective: Objective, windows: SyncWindows, batch: Batch, augment: Augments) -> SyncPairs:
    """Each clip's vectors: pictures as one sequence, for windows share frames, sounds cut window by window.

    Args:
        objective: its encoders and heads; the video's makes one place in time of each window of frames.
        windows: of sound.
        batch: B clips.
        augment: of video and of sound, when training.
    """

    def represent(clips: Batch) -> dict[str, Tensor]:
        grid, _ = objective.features(Batch(video=augment[0](clips.video, clips)), "video")
        at = windows.instants(clips, grid.shape[1])
        sound = windows.sounds(augment[1](clips.audio, clips), at.begin)
        return {"picture": _pooled(objective.encoders["video"], grid), "sound": vectors_of_sound(objective, sound)}

    vectors = in_chunks(represent, (batch,), objective.chunk or 0)
    picture, sound = windows.space(vectors["picture"]), windows.space(vectors["sound"])
    return SyncPairs(windows.instants(batch, picture.shape[1]), picture, sound)


def place_scores(objective: Objective, windows: SyncWindows, batch: Batch) -> Tensor:
    """`[B, W, H', W']`, minus the distance of each place of a window's picture to its sound."""
    grid, _ = objective.features(Batch(video=batch.video), "video")
    at = windows.instants(batch, grid.shape[1])
    sound = vectors_of_sound(objective, windows.sounds(batch.audio, at.begin))
    places = windows.space(grid.flatten(2, 3))
    return -distances(places, windows.space(sound).unsqueeze(2)).reshape(grid.shape[:-1])


def vectors_of_sound(objective: Objective, sound: Tensor) -> Tensor:
    """`[B, W, samples]` to `[B, W, E]`, each window by itself."""
    encoder = objective.encoders["audio"]
    grid = objective.heads["audio"](encoder(sound.flatten(0, 1)))
    vectors: Tensor = encoder.pool(grid)  # type: ignore[operator]
    return vectors.unflatten(0, sound.shape[:2])  # type: ignore[no-any-return, no-untyped-call]


def _pooled(encoder: nn.Module, grid: Tensor) -> Tensor:
    """`[B, W, H', W', E]` to `[B, W, E]`, each window by itself."""
    vectors: Tensor = encoder.pool(grid.flatten(0, 1).unsqueeze(1))  # type: ignore[operator]
    return vectors.unflatten(0, grid.shape[:2])  # type: ignore[no-any-return, no-untyped-call]
