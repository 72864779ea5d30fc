"""By how much is the sound late? Answers on held-out clips, and on copies of them whose sound was moved.

A clip is what its recording's middle shows; `synchrony/as-it-is` compares with the truth of the recording (the
synthetic world tells it, other recordings are taken to be in synchrony). There a model that always says "not at all"
is right. `synchrony/shifted` therefore asks again with the sound moved by -0.4 to 0.4 s in steps of 0.04 s, each clip
by some of them in turns, and `synchrony/blind` once more with the pictures of another recording, which must be chance.
Offsets are told in steps of `sync_step`: Acc@1 is the right step, Acc@+-1 that or one beside it, from the mean
distances over 1, 5, 10, 25 neighboring windows (each run of them counts) or all of a clip. What repeats fits as well a
period later: where the truth tells periods, Acc@+-1-or-periods takes an answer for right that is off by whole ones.
Chance is that of an answer drawn evenly from all shifts. A model that cannot tell may be below it: the longer its
windows, the smoother its curve of distances, and a smooth one is mostly least at an end of the reach; `blind` then is,
too. LSE-D and LSE-C are the least mean distance and the confidence (see `offsets`), bias is the mean error in
milliseconds, certain the share of clips whose offset `mmssl sync` would tell, and AUC asks whether distances at the
true shift are below those at shifts farther than one step from it.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from mmssl.batch import Batch
from mmssl.data.clips import Clips, OpenClips
from mmssl.data.window import CenterWindow
from mmssl.errors import EvaluationError, UsageError
from mmssl.evaluate.further import Further
from mmssl.evaluate.held_out import asked_for, held_out, require
from mmssl.evaluate.ranks import named_rows
from mmssl.evaluate.shifted import with_offset, with_other_pictures
from mmssl.evaluate.sync_numbers import Volumes, judged
from mmssl.evaluate.sync_truth import OffsetTruth, WorldOffset
from mmssl.objective import Objective

SHIFTS = tuple(round(0.04 * step, 2) for step in range(-10, 11))


@runtime_checkable
class Synchronizer(Protocol):
    """An objective that tells how well picture and sound fit at each shift between them.

    Attributes:
        sync_step: seconds between two windows of picture, which are spread evenly around the middle of the clip.
    """

    sync_step: float

    def sync_distances(self, batch: Batch, reach: int) -> Tensor:
        """`[B, W, 2 reach + 1]` float32, smaller is better.

        Distance of each window of picture to its window of sound moved by `k sync_step` seconds, k from -reach to
        reach, above 0 for later sound; NaN where the sound is not wholly in the clip.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class Synchrony:
    """Offsets between picture and sound on held-out clips; the protocol is at the top of this file.

    Attributes:
        clips: the data, one window in the middle of each recording.
        truth: of the recordings.
        seconds: of the windows, out of which clips shorter by the largest shift are cut; 0 takes those of `clips`.
        reach: steps to either side; fewer where a clip is short.
        each: shifts of each clip, out of `SHIFTS` in turns.
        limit: recordings at most; 0 takes all.
        batch_size: clips at once.
        workers: processes that decode.
        seed: of the bootstrap.
    """

    clips: Clips
    truth: OffsetTruth = field(default_factory=WorldOffset)
    seconds: float = 0.0
    reach: int = 15
    each: int = 2
    limit: int = 0
    batch_size: int = 32
    workers: int = 0
    seed: int = 0

    @torch.no_grad()
    def __call__(self, objective: Objective) -> Mapping[str, float]:
        """Names start with `synchrony/`.

        Raises:
            UsageError: the objective is no `Synchronizer`, or the clips do not fit it.
            EvaluationError: a distance is infinite, or no recording's offset is known.
        """
        require(objective, self.clips, ("video", "audio"), "synchrony")
        if not isinstance(objective, Synchronizer):
            name = type(objective).__name__
            raise UsageError(f"{name} cannot tell offsets; train one that can, such as recipes/sync_net.py")
        opened = self.opened(objective.sync_step)
        looked: dict[str, list[Volumes]] = {"as-it-is": [], "shifted": [], "blind": []}
        for batch in held_out(objective, opened, self.batch_size, limit=self.limit, workers=self.workers):
            for name, volumes in self._look(objective, opened, batch):
                looked[name].append(volumes)
        found = {name: Volumes.joined(parts) for name, parts in looked.items() if any(len(p.true) for p in parts)}
        if "as-it-is" not in found:
            raise EvaluationError("synchrony: no recording has picture, sound and a known offset in reach")
        numbers: dict[str, float] = {}
        for name, volumes in found.items():  # a single recording has no pictures of another
            numbers |= judged(name, volumes, objective.sync_step, self.seed)
        count = numbers["synchrony/as-it-is/clips"]
        return numbers | {"synchrony/coverage": count / asked_for(opened, self.limit)}

    def opened(self, step: float) -> OpenClips:
        """The recordings with one window each, of which nothing is padded.

        Raises:
            UsageError: their pictures do not follow each other by `step` seconds, or the windows are too short.
        """
        clips = self.clips
        clips.demand_synchrony("what synchrony is measured on must be")
        between = clips.seconds / clips.frames
        if abs(between - step) > 0.01 * step:
            raise UsageError(f"synchrony needs a picture every {step:g} s, and the clips have one every {between:g} s")
        seconds = self.seconds or clips.seconds
        if seconds - max(SHIFTS) < 2 * max(SHIFTS):
            raise UsageError(f"synchrony needs clips of at least {3 * max(SHIFTS):g} s, not {seconds:g}; give seconds")
        frames = round(seconds / step)
        return replace(clips, window=CenterWindow(0.999), seconds=frames * step, frames=frames).open()

    def _look(self, objective: Synchronizer, opened: OpenClips, batch: Batch) -> list[tuple[str, Volumes]]:
        """Distances of the clips of a batch whose truth is known, at each of the shifts."""
        told = [self.truth(opened.recordings[number]) for number in batch.index.tolist()]
        offset = torch.tensor([math.nan if late is None else late.offset for late in told])
        period = torch.tensor([math.inf if late is None else late.period or math.inf for late in told])
        both, (strange, other) = (batch.valid("video") & batch.valid("audio")).cpu(), with_other_pictures(batch)
        settings, step = opened.settings, objective.sync_step
        seconds = int((settings.seconds - max(SHIFTS)) / step + 1e-6) * step
        reach = min(self.reach, round(seconds / step) // 3)

        def moved(clips: Batch, shift: Tensor, there: Tensor) -> Volumes:
            cut = with_offset(clips, shift, total=settings.seconds, seconds=seconds, sample_rate=settings.sample_rate)
            distances = objective.sync_distances(cut, reach).float().cpu()
            bad = there & (distances.isinf().flatten(1).any(1) | distances.isnan().flatten(1).all(1))
            if bad.any():
                named = named_rows(bad, clips.keys)
                raise EvaluationError(
                    f"synchrony: no finite distances{named}; look at the training, or give longer clips"
                )
            true = ((offset + shift) / step).round()
            kept = there & (true.abs() <= reach)
            return Volumes(distances[kept], true[kept].long(), period[kept] / step, clips.index.cpu()[kept])

        found = [("as-it-is", moved(batch, torch.zeros(len(batch)), both))]
        for turn in range(self.each):
            number = (batch.index.cpu() + turn * (len(SHIFTS) // self.each)) % len(SHIFTS)
            shift = torch.tensor(SHIFTS)[number]
            found.append(("shifted", moved(batch, shift, both)))
            found.append(("blind", moved(strange, shift, both & other.cpu())))
        return found


SYNCHRONY = Further("synchrony", lambda objective: isinstance(objective, Synchronizer), Synchrony)
