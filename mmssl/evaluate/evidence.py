"""Heat maps of held-out frames, each beside what truly sounds there and beside what other sounds would have shown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from mmssl.batch import Batch
from mmssl.data.clips import OpenClips
from mmssl.errors import EvaluationError, TooLittleError
from mmssl.evaluate.framing import View
from mmssl.evaluate.maps import box_mask
from mmssl.evaluate.ranks import named_rows
from mmssl.evaluate.saliency import moving, salient
from mmssl.evaluate.sounds import Sound, another, noise, own, silence, with_sound
from mmssl.evaluate.truth import GroundTruth, Sounding
from mmssl.objective import Objective

SOUNDS: Mapping[str, Sound] = {"other-sound": another, "silence": silence, "noise": noise}
BLIND = ("salient", "moving")  # answers from the pictures alone, beside those of `localization`


@dataclass(frozen=True)
class Evidence:
    """M frames of known truth, on the CPU.

    Attributes:
        heat: by sound, `[M, h, w]`: "own", and those of `SOUNDS`; NaN where that sound could not be made.
        blind: by name, `[M, h', w']`: those of `BLIND`.
        truth: `[M, S, S]` bool, what sounds; all False where nothing in view does.
        clip: `[M]` int64, numbers of the recordings.
        group: `[M]` int64.
        asked: recordings that were looked at.
    """

    heat: Mapping[str, Tensor]
    blind: Mapping[str, Tensor]
    truth: Tensor
    clip: Tensor
    group: Tensor
    asked: int

    def after(self, other: "Evidence") -> "Evidence":
        """The frames of `other`, then these; recordings of the two stay apart."""
        heat = {name: torch.cat([other.heat[name], maps]) for name, maps in self.heat.items()}
        blind = {name: torch.cat([other.blind[name], maps]) for name, maps in self.blind.items()}
        first = int(other.clip.max()) + 1
        clip, group = torch.cat([other.clip, self.clip + first]), torch.cat([other.group, self.group])
        return Evidence(heat, blind, torch.cat([other.truth, self.truth]), clip, group, other.asked + self.asked)


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


class EvidenceGatherer:
    """Draws heat maps of at most `frames` known frames of each recording, evenly chosen.

    Args:
        objective: with `heat`.
        opened: from `middle`.
        truth: of its recordings.
        size: S of the raster.
        frames: known frames to take from a recording.
    """

    def __init__(self, objective: Objective, opened: OpenClips, truth: GroundTruth, *, size: int, frames: int) -> None:
        self._objective, self._opened, self._truth, self._size, self._frames = objective, opened, truth, size, frames
        self._heat: dict[str, list[Tensor]] = {name: [] for name in ("own", *SOUNDS)}
        self._blind: dict[str, list[Tensor]] = {name: [] for name in BLIND}
        self._masks: list[Tensor] = []
        self._clip: list[int] = []
        self._group: list[int] = []

    def add(self, batch: Batch) -> None:
        """Draw them.

        Raises:
            EvaluationError: a map is not finite.
        """
        rows, columns = [], []
        both = (batch.valid("video") & batch.valid("audio")).tolist()
        for row, view in enumerate(views(self._opened, batch.index.tolist())):
            known = _known(self._opened, self._truth, batch, row, view, self._size) if both[row] else {}
            for frame in _spread(sorted(known), self._frames):
                rows.append(row)
                columns.append(frame)
                self._masks.append(known[frame])
        if not rows:
            return
        self._clip += batch.index[rows].tolist()
        self._group += batch.group[rows].tolist()
        for name, maps in _maps(self._objective, batch).items():
            self._heat[name].append(maps[rows, columns])
        drawn = (salient(batch.video[rows, columns]), moving(batch.video)[rows, columns])
        for name, blind in zip(BLIND, drawn, strict=True):
            self._blind[name].append(blind.cpu())

    def evidence(self, asked: int) -> Evidence:
        """All that was drawn.

        Args:
            asked: recordings that were looked at.

        Raises:
            TooLittleError: no frame's truth is known.
        """
        if not self._masks:
            detail = f"nothing says where any of the {asked} recordings sounds"
            raise TooLittleError(f"localization: {detail}; give clips with `truth`, or a file of boxes that names them")
        heat, blind = ({name: torch.cat(parts) for name, parts in maps.items()} for maps in (self._heat, self._blind))
        clip, group = torch.tensor(self._clip), torch.tensor(self._group)
        return Evidence(heat, blind, torch.stack(self._masks), clip, group, asked)


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
    """By sound, `[B, T, h, w]` on the CPU; NaN where the sound could not be made.

    Raises:
        EvaluationError: a map is not finite though it has a sound.
    """
    frames = batch.video.shape[1]
    maps: dict[str, Tensor] = {}
    for name, sound in {"own": own, **SOUNDS}.items():
        audio, made = sound(batch)
        heat = at_frames(objective.heat(with_sound(batch, audio)).float(), frames)
        bad = ~heat.flatten(1).isfinite().all(1) & made & batch.valid("video")
        if bad.any():
            told = named_rows(bad, batch.keys)
            raise EvaluationError(f"localization: heat maps ({name}) hold NaN or Inf{told}; look at the training")
        maps[name] = heat.masked_fill(~made[:, None, None, None], torch.nan).cpu()
    return maps
