"""By how much is the sound late? Answers on held-out clips, and on copies of them whose sound was moved.

A clip is what its recording's middle shows; `synchrony/as-it-is` compares with the truth of the recording (the
synthetic world tells it, other recordings are taken to be in synchrony). There a model that always says "not at all"
is right. `synchrony/shifted` therefore asks again with the sound moved by -0.4 to 0.4 s in steps of 0.04 s, each clip
by some of them in turns, and `synchrony/blind` once more with the pictures of another recording, which must be chance.
Offsets are told in steps of `sync_step`: Acc@1 is the right step, Acc@+-1 that or one beside it, from the mean
distances over 1, 5, 10, 25 neighboring windows (each run of them counts) or all of a clip. Chance is that of an answer
drawn evenly from all shifts. LSE-D and LSE-C are the least mean distance and the confidence (see `offsets`), AUC asks
whether distances at the true shift are below those at shifts farther than one step from it.
"""

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
from mmssl.evaluate.interval import described, described_jointly
from mmssl.evaluate.offsets import answer, certainty, credit, curve, runs
from mmssl.evaluate.ranks import named_rows
from mmssl.evaluate.shifted import with_offset, with_other_pictures
from mmssl.evaluate.sync_truth import OffsetTruth, WorldOffset
from mmssl.evaluate.threshold import roc_areas
from mmssl.objective import Objective

AVERAGED = (1, 5, 10, 25)
SHIFTS = tuple(round(0.04 * step, 2) for step in range(-10, 11))
CERTAIN = 0.95  # of `certainty`, from which an offset is told


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


@dataclass(frozen=True)
class Volumes:
    """Distances of N clips.

    Attributes:
        distances: `[N, W, 2 reach + 1]`.
        true: `[N]` int64, the true shift.
    """

    distances: Tensor
    true: Tensor


def judged(name: str, volumes: Volumes, step: float, seed: int = 0) -> Mapping[str, float]:
    """All numbers of some clips, named `synchrony/name/...`; arguments as of `Synchrony`."""
    distances, true = volumes.distances, volumes.true
    shifts, prefix = distances.shape[-1], f"synchrony/{name}"
    chance = {within: (2 * within + 1) / shifts for within in (0, 1)}
    named = {0: "Acc@1", 1: "Acc@+-1"}
    numbers: dict[str, float] = {}
    for length in AVERAGED:
        means = [runs(clip, length) for clip in distances]
        asked = [row for row, mean in enumerate(means) if len(mean)]
        for within in (0, 1) if asked else ():
            right = torch.stack([credit(means[row], true[row], within).mean() for row in asked])
            told = f"{prefix}/{named[within]}/{length}"
            numbers |= described(told, right, chance=chance[within], seed=seed)
    mean = curve(distances)
    for within in (0, 1):
        told = f"{prefix}/{named[within]}/all"
        numbers |= described(told, credit(mean, true, within), chance=chance[within], seed=seed)
    found = answer(mean)
    numbers |= described(f"{prefix}/bias", 1000 * step * (found.steps - true), seed=seed)  # ms
    numbers |= described(f"{prefix}/LSE-D", found.distance, seed=seed)
    numbers |= described(f"{prefix}/LSE-C", found.confidence, seed=seed)
    sure = torch.tensor([float(certainty(clip, step) >= CERTAIN) for clip in distances])
    numbers |= described(f"{prefix}/certain", sure, seed=seed)
    numbers |= _area(f"{prefix}/AUC", mean, true, seed)
    return numbers | {f"{prefix}/clips": float(len(true))}


def _area(name: str, mean: Tensor, true: Tensor, seed: int) -> Mapping[str, float]:
    """In synchrony or not, by one threshold of the distance for all clips; each clip's false shifts count as one."""
    shift = torch.arange(mean.shape[-1]) - mean.shape[-1] // 2
    away = (shift - true.unsqueeze(1)).abs()
    own = -mean.gather(1, (true + mean.shape[-1] // 2).unsqueeze(1))[:, 0]
    row, column = ((away > 1) & ~mean.isnan()).nonzero(as_tuple=True)
    weight = 1 / torch.bincount(row, minlength=len(true))[row].double()
    kept = ~own.isnan()

    def area(drawn: Tensor) -> Tensor:
        return roc_areas(own[kept], -mean[row, column], drawn[:, kept], drawn[:, row] * weight)

    return described_jointly(name, area, len(true), chance=0.5, seed=seed)


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
        numbers: dict[str, float] = {}
        for name, parts in looked.items():
            if not sum(len(part.true) for part in parts):
                raise EvaluationError(f"synchrony/{name}: no recording has picture, sound and a known offset in reach")
            whole = Volumes(torch.cat([p.distances for p in parts]), torch.cat([p.true for p in parts]))
            numbers |= judged(name, whole, objective.sync_step, self.seed)
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
        """Distances of the clips of a batch whose truth is known."""
        told = [self.truth(opened.recordings[number]) for number in batch.index.tolist()]
        offset = torch.tensor([float("nan") if value is None else value for value in told], dtype=torch.float64)
        there = (batch.valid("video") & batch.valid("audio")).cpu()
        strange, other = with_other_pictures(batch)
        found = [("as-it-is", self._distances(objective, opened, batch, torch.zeros(len(batch)), offset, there))]
        for turn in range(self.each):
            number = (batch.index.cpu() + turn * (len(SHIFTS) // self.each)) % len(SHIFTS)
            shift = torch.tensor(SHIFTS)[number]
            found.append(("shifted", self._distances(objective, opened, batch, shift, offset, there)))
        found.append(("blind", self._distances(objective, opened, strange, shift, offset, there & other.cpu())))
        return found

    def _distances(
        self,
        objective: Synchronizer,
        opened: OpenClips,
        batch: Batch,
        shift: Tensor,
        offset: Tensor,
        keep: Tensor,
    ) -> Volumes:
        settings, step = opened.settings, objective.sync_step
        seconds = int((settings.seconds - max(SHIFTS)) / step + 1e-6) * step
        cut = with_offset(batch, shift, total=settings.seconds, seconds=seconds, sample_rate=settings.sample_rate)
        reach = min(self.reach, round(seconds / step) // 3)
        distances = objective.sync_distances(cut, reach).float().cpu()
        if (bad := distances.isinf().flatten(1).any(1)).any():
            raise EvaluationError(
                f"synchrony: distances are infinite{named_rows(bad, batch.keys)}; look at the training"
            )
        true = ((offset + shift) / step).round()
        keep = keep & (true.abs() <= reach) & ~distances.isnan().flatten(1).all(1)
        return Volumes(distances[keep], true[keep].long())


SYNCHRONY = Further("synchrony", lambda objective: isinstance(objective, Synchronizer), Synchrony)
