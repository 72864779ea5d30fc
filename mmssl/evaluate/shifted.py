"""Clips whose sound is late or early by a known time, because it was cut from another time of a longer clip.

Nothing is rolled or padded: picture and sound of every copy were decoded from the recording, so that no clip's end
tells by how much it was shifted.
"""

import torch
from torch import Tensor

from mmssl.batch import Batch


def with_offset(batch: Batch, shift: Tensor, *, total: float, seconds: float, sample_rate: int) -> Batch:
    """A shorter clip out of each, with the sound `shift` seconds later than it was.

    Args:
        batch: with picture and sound.
        shift: `[B]` seconds, at most `total - seconds` to either side.
        total: seconds of the clips.
        seconds: of the clips to be, a whole number of pictures.
        sample_rate: Hz.
    """
    frame = total / batch.video.shape[1]
    frames, samples = round(seconds / frame), round(seconds * sample_rate)
    first = ((total - seconds + shift.double()) / 2 / frame).round().long()
    begin = ((first * frame - shift) * sample_rate).round().long().clamp(0, batch.audio.shape[1] - samples)
    row, picture = torch.arange(len(batch)).unsqueeze(1), first.unsqueeze(1) + torch.arange(frames)
    device = batch.audio.device
    row, picture, sound = (
        index.to(device) for index in (row, picture, begin.unsqueeze(1) + torch.arange(samples, device=begin.device))
    )
    fields = dict(batch.tensors()) | {
        "video": batch.video[row, picture],
        "video_times": batch.video_times[row, picture],
        "audio": batch.audio[row, sound],
        "start": batch.start + (first * frame).to(device),
    }
    return Batch(keys=batch.keys, **fields)


def with_other_pictures(batch: Batch) -> tuple[Batch, Tensor]:
    """The same sounds with the pictures of the next recording of another group, and `[B]` bool, which have one."""
    size = len(batch)
    distance = (torch.arange(size).unsqueeze(0) - torch.arange(size).unsqueeze(1)).remainder(size)
    stranger = (batch.group.unsqueeze(1) != batch.group) & batch.valid("video")
    other = distance.to(batch.video.device).masked_fill(~stranger, size).argmin(1)
    times = (batch.video_times - batch.start.unsqueeze(1))[other] + batch.start.unsqueeze(1)
    fields = dict(batch.tensors()) | {"video": batch.video[other], "video_times": times}
    return Batch(keys=batch.keys, **fields), stranger.any(1)
