"""Heat maps of held-out frames, each beside what truly sounds there and beside what other sounds would have shown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from mmssl.batch import Batch
from mmssl.data.clips import OpenClips
from mmssl.errors import EvaluationError
from mmssl.evaluate.framing import View
from mmssl.evaluate.held_out import held_out
from mmssl.evaluate.maps import box_mask
from mmssl.evaluate.sounds import Sound, another, noise, silence, with_sound
from mmssl.evaluate.truth import GroundTruth, Sounding
from mmssl.objective import Objective

SOUNDS: Mapping[str, Sound] = {"other-sound": another, "silence": silence, "noise": noise}


@dataclass(frozen=True)
class Evidence:
    """M frames of known truth, on the CPU.

    Attributes:
        heat: by sound, `[M, h, w]`: "own", and those of `SOUNDS`; NaN where that sound could not be made.
        truth: `[M, S, S]` bool, what sounds; all False where nothing in view does.
        clip: `[M]` int64, numbers of the recordings.
        group: `[M]` int64.
    """

    heat: Mapping[str, Tensor]
    truth: Tensor
    clip: Tensor
    group: Tensor


def at_frames(heat: Tensor, frames: int) -> Tensor:
    """Maps at T' times to maps at T frames: `[B, T', h, w]` to `[B, T, h, w]`, linear in between, held at the ends."""
    if heat.shape[1] == frames:
        return heat
    flat = heat.flatten(2).transpose(1, 2)
    even = functional.interpolate(flat, frames, mode="linear").transpose(1, 2)
    return even.reshape(len(heat), frames, *heat.shape[2:])


def views(opened: OpenClips, index: Sequence[int]) -> list[View]:
    """What part of each recording's picture its clip shows."""
    seen = []
    for number in index:
        source = opened.recordings.source(number)
        try:
            with opened.settings.reader.open(source, opened.recordings[number].key) as media:
                video = media.info.video
                seen.append(View(0, 0, 1, 1) if video is None else View.centered(video.width, video.height))
        finally:
            if not isinstance(source, str):
                source.close()
    return seen


def shown(sounding: Sounding, view: View, size: int) -> Tensor | None:
    """`[size, size]` bool of what sounds in the clip's picture; None when all that sounds was cropped away."""
    boxes = [box for box in map(view.inward, sounding.boxes) if box is not None]
    return None if sounding.boxes and not boxes else box_mask(boxes, size)


def gather_evidence(
    objective: Objective,
    opened: OpenClips,
    truth: GroundTruth,
    *,
    size: int,
    frames: int,
    batch_size: int,
    limit: int = 0,
    workers: int = 0,
) -> Evidence:
    """Heat maps of at most `frames` known frames of each recording, evenly chosen.

    Args:
        objective: with `heat`.
        opened: from `middle`.
        truth: of its recordings.
        size: S of the raster.
        frames: known frames to take from a recording.
        batch_size: clips at once.
        limit: recordings at most; 0 takes all.
        workers: processes that decode.

    Raises:
        EvaluationError: a map is not finite, or no frame's truth is known.
    """
    heat: dict[str, list[Tensor]] = {name: [] for name in ("own", *SOUNDS)}
    masks, clip, group = [], list[int](), list[int]()
    for batch in held_out(objective, opened, batch_size, limit=limit, workers=workers):
        rows, columns = [], []
        for row, view in enumerate(views(opened, batch.index.tolist())):
            if not (batch.valid("video")[row] and batch.valid("audio")[row]):
                continue
            known = _known(opened, truth, batch, row, view, size)
            for frame in _spread(sorted(known), frames):
                rows.append(row)
                columns.append(frame)
                masks.append(known[frame])
        clip += batch.index[rows].tolist()
        group += batch.group[rows].tolist()
        if rows:
            for name, found in _maps(objective, batch).items():
                heat[name].append(found[rows, columns])
    if not masks:
        raise EvaluationError("localization: nothing says where it sounds; give clips with `truth`, or a file of boxes")
    joined = {name: torch.cat(parts) for name, parts in heat.items()}
    if not joined["own"].isfinite().all():
        raise EvaluationError("localization: heat maps hold NaN or Inf; mend the training")
    return Evidence(joined, torch.stack(masks), torch.tensor(clip), torch.tensor(group))


def _known(opened: OpenClips, truth: GroundTruth, batch: Batch, row: int, view: View, size: int) -> dict[int, Tensor]:
    """Number of a frame of one clip to its mask."""
    told = truth(opened.recordings[int(batch.index[row])], batch.video_times[row].tolist())
    masks = {frame: shown(sounding, view, size) for frame, sounding in enumerate(told) if sounding is not None}
    return {frame: mask for frame, mask in masks.items() if mask is not None}


def _spread(frames: list[int], count: int) -> list[int]:
    """At most `count` of them, the middles of as many equal parts."""
    count = min(count, len(frames))
    return [frames[int((part + 0.5) * len(frames) / count)] for part in range(count)]


def _maps(objective: Objective, batch: Batch) -> dict[str, Tensor]:
    """By sound, `[B, T, h, w]` on the CPU."""
    frames = batch.video.shape[1]
    maps = {"own": at_frames(objective.heat(batch).float(), frames).cpu()}
    for name, sound in SOUNDS.items():
        audio, made = sound(batch)
        heat = at_frames(objective.heat(with_sound(batch, audio)).float(), frames)
        maps[name] = heat.masked_fill(~made[:, None, None, None], torch.nan).cpu()
    return maps
