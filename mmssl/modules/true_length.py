"""How many frames of a clip show anything new.

Where a recording ends before its clip does, the last picture stays; a still end is no part of what happens, and as all
its frames look alike, each of them would be an answer to every question about one of them.
"""

import torch
from torch import Tensor

from mmssl.batch import Batch


def true_lengths(batch: Batch) -> Tensor:
    """`[B]` int64: frames up to the last that is shown at a later time than the one before; 0 without a picture.

    Without true times (`video_times`), all frames count.
    """
    clips, frames = batch.video.shape[:2]
    lengths = torch.full((clips,), frames, device=batch.video.device)
    if "video_times" in batch and frames > 1:
        new = batch.video_times.diff(dim=1) > 0
        lengths = torch.where(new, torch.arange(2, frames + 1, device=new.device), 1).amax(1)
    return lengths.masked_fill(~batch.valid("video"), 0)
