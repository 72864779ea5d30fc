"""A whole film, whatever its length, as one vector a frame of those that a model was trained on."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from mmssl.applications.windows import read_windows
from mmssl.batch import Batch
from mmssl.data.clip import ClipFormat
from mmssl.data.decode.reader import Media
from mmssl.encoder import Encoder
from mmssl.errors import Fault, MediaError, UsageError
from mmssl.evaluate.alignment import Framewise
from mmssl.objective import Objective


@dataclass(frozen=True)
class FrameTrack:
    """The frames of one film.

    Attributes:
        times: `[n]` seconds, evenly spaced as in training.
        vectors: `[n, E]` float32, on the CPU.
    """

    times: NDArray[np.float64]
    vectors: Tensor


def frame_vectors(objective: Objective, batch: Batch) -> Tensor:
    """`[B, T, E]` of an objective that has vectors of frames, or one unit vector for each step of its map over time.

    Raises:
        UsageError: its video encoder gives one step for all frames.
    """
    if isinstance(objective, Framewise):
        return objective.frames(batch)
    grid, _ = objective.features(batch, "video")
    encoder, frames = objective.encoders["video"], batch.video.shape[1]
    assert isinstance(encoder, Encoder)
    if grid.shape[1] == 1 and frames > 1:
        raise UsageError(
            f"{type(objective).__name__}: its video encoder gives one vector for {frames} frames; align needs more"
        )
    steps = torch.stack([encoder.pool(grid[:, step : step + 1]) for step in range(grid.shape[1])], dim=1)
    nearest = ((torch.arange(frames) + 0.5) * steps.shape[1] / frames).long()
    return functional.normalize(steps[:, nearest], dim=-1)


@torch.inference_mode()
def track(objective: Objective, device: torch.device, media: Media, name: str, format: ClipFormat) -> FrameTrack:
    """Windows that overlap by half, of which the middle half counts, so that each frame has its surroundings.

    Args:
        objective: in eval mode.
        device: its.
        media: open.
        name: of the film, for messages.
        format: of a window.

    Raises:
        MediaError: it has no picture, lasts less than two frames, or cannot be read.
        UsageError: as `frame_vectors`.
    """
    video = media.info.video
    if video is None:
        raise MediaError(name, Fault.NO_VIDEO, "it has no picture to align")
    spacing, hop = format.seconds / format.frames, max(format.frames // 2, 1)
    lead, count = (format.frames - hop) // 2, int(video.duration / spacing + 1e-6)
    if count < 2:
        raise MediaError(name, Fault.TOO_SHORT, f"it lasts {video.duration:.2f} s, and two frames {2 * spacing:.2f} s")
    firsts = np.arange(0, max(count - format.frames, 0) + hop, hop)
    starts: NDArray[np.float64] = np.asarray(video.start + firsts * spacing, np.float64)
    found: list[Tensor] = []
    for batch in read_windows(media, starts, format, ("video",), chunk=4):
        for window in frame_vectors(objective, batch.to(device)).float().cpu():
            # The first window also counts from its begin, the last to its end.
            number = len(found)
            begin, end = lead if number else 0, lead + hop if number < len(firsts) - 1 else format.frames
            found.append(window[begin:end])
    times = np.asarray(video.start + (np.arange(count) + 0.5) * spacing, np.float64)
    return FrameTrack(times, torch.cat(found)[:count])
