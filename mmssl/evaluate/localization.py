"""Does the heat map point at what sounds? Always beside answers that never heard the sound.

Numbers, as `localization/WHO/METRIC`; WHO is absent for the model's own maps, `center` (the middle of the picture),
`constant` (no answer at all), `salient` (what draws the eye), `moving` (what changes), or the model itself hearing
another recording (`other-sound`), `silence` or `noise`; or `small`, `medium`, `large` and `huge`: the model's own maps
by the size of what sounds. METRIC:

* `pointing`: the highest place of the map is inside what sounds (Zhang et al. 2016).
* `cIoU`, `success@0.5`, `AUC`: of the upper half of each map's pixels, as in the literature on VGG-SS; an object below
  a quarter of the picture can then never succeed, which is why sizes are also told apart.
* `cIoU@fixed`: of what is at or above one threshold for all maps, the one with the best mean cIoU on validation
  recordings or, without any, on one half of the groups, judged on the other, both ways.
* `universal/RULE/cIoU`, `/pIA`, `/F`: one threshold for all maps, taken from the maxima of maps of silence, noise and
  other sounds (RULE: their maximum, top tenth or third quartile), fixed in the same way. pIA is the area of such maps
  that is above it; lower is better. F joins cIoU and 1 - pIA.
* `detection/AUC`, `/AP-RULE`, `/max-F1-RULE`: telling sounding frames from such maps by their confidence; for AP and
  F1 a frame counts only if its place is right as well (RULE: cIoU at least 0.5 as Mo and Morgado 2022, or pointing).
* `false-alarms/KIND`: share of such maps that are as sure as nine tenths of the sounding frames of the other half, or
  of validation recordings, by what is heard: `silence`, `noise`, `other-sound`, or `off-screen`, its own sound where
  nothing in view makes one. `false-alarms/found` is the share of sounding frames that are as sure.

A number of a recording is the mean over its frames (those of `universal` and `detection` count frames alike); intervals
are over recordings. `localization/clips` recordings are judged, `coverage` is their share of those looked at.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from mmssl.data.clips import Clips, OpenClips
from mmssl.errors import TooLittleError
from mmssl.evaluate.evidence import SOUNDS, Evidence, EvidenceGatherer
from mmssl.evaluate.held_out import asked_for, look, middle, require
from mmssl.evaluate.interval import by_clip, described
from mmssl.evaluate.maps import centered, ciou, pointing, raster, success_area, top_half
from mmssl.evaluate.negatives import against_negatives
from mmssl.evaluate.one_threshold import Split, fixed_ciou
from mmssl.evaluate.truth import GroundTruth, WorldTruth
from mmssl.objective import Objective

# Sides of squares on a raster of 224 that divide small, medium, large and huge objects.
SIZES = {"small": (0, 32), "medium": (32, 96), "large": (96, 144), "huge": (144, 10_000)}


@dataclass(frozen=True)
class Scored:
    """M maps, `[M]` float64 each."""

    pointing: Tensor
    ciou: Tensor


def scored(maps: Tensor, truth: Tensor, rows: Tensor, tolerance: int) -> Scored:
    """Scores of `rows` of `[M, h, w]` maps against `[M, S, S]` masks, a few at a time."""
    parts = []
    for some in torch.split(rows, 64):
        fine, mask = raster(maps[some], truth.shape[-1]), truth[some]
        parts.append((pointing(fine, mask, tolerance), ciou(top_half(fine), mask)))
    return Scored(torch.cat([hit for hit, _ in parts]), torch.cat([overlap for _, overlap in parts]))


@dataclass(frozen=True, kw_only=True)
class Localization:
    """Heat maps against boxes of what sounds, on one window in the middle of each recording.

    Attributes:
        clips: the data; recordings of unknown truth are passed over.
        truth: where it sounds.
        limit: recordings at most, in their order; 0 takes all.
        frames: of a recording that are looked at.
        size: of the raster, in pixels.
        tolerance: pixels of it by which a peak may miss what sounds.
        batch_size: clips at once.
        workers: processes that decode.
    """

    clips: Clips
    truth: GroundTruth = field(default_factory=WorldTruth)
    limit: int = 0
    frames: int = 4
    size: int = 224
    tolerance: int = 0
    batch_size: int = 16
    workers: int = 0

    @torch.no_grad()
    def __call__(self, objective: Objective) -> Mapping[str, float]:
        """The numbers described at the top of this file.

        Raises:
            UsageError: the objective or the clips lack picture or sound.
            EvaluationError: no frame's truth is known, or a map is not finite.
        """
        require(objective, self.clips, ("video", "audio"), "localization")
        return self.judged(self.evidence(objective))

    def evidence(self, objective: Objective) -> Evidence:
        """The maps behind the numbers.

        Raises:
            TooLittleError: no frame's truth is known.
            EvaluationError: a map is not finite.
        """
        opened = middle(self.clips)
        gatherer = self.gatherer(objective, opened)
        look([gatherer], objective, opened, self.batch_size, limit=self.limit, workers=self.workers)
        return gatherer.evidence(asked_for(opened, self.limit))

    def gatherer(self, objective: Objective, opened: OpenClips) -> EvidenceGatherer:
        """Of them, for clips that others look at too."""
        return EvidenceGatherer(objective, opened, self.truth, size=self.size, frames=self.frames)

    def judged(self, evidence: Evidence, validation: Evidence | None = None) -> Mapping[str, float]:
        """The numbers of maps that are there already.

        Args:
            evidence: that is judged.
            validation: of other recordings, which fix the thresholds; None for halves that fix each other's.

        Raises:
            TooLittleError: nothing in view sounds in any frame.
        """
        split = Split.of(evidence, validation)
        frames, sounding = split.evidence, split.evidence.truth.flatten(1).any(1)
        asked = sounding & split.asked
        if not asked.any():
            raise TooLittleError("localization: nothing in view sounds in any frame, so there is nothing to point at")
        flat = {"center": centered(self.size), "constant": torch.zeros(self.size, self.size)}
        answers = {"": frames.heat["own"]}
        answers |= {name: guess.expand(len(frames.clip), -1, -1) for name, guess in flat.items()}
        answers |= {**frames.blind, **{name: frames.heat[name] for name in SOUNDS}}
        truth, clip = frames.truth[asked], frames.clip[asked]
        # Pointing anywhere hits by the share of the picture that sounds.
        chance = float(by_clip(truth.flatten(1).double().mean(1), clip).mean())
        numbers: dict[str, float] = {}
        found: dict[str, Scored] = {}
        for name, maps in answers.items():
            rows = sounding & maps[:, 0, 0].isfinite()  # a sound that could not be made is NaN throughout
            judged = (rows & split.asked).nonzero()[:, 0]
            if not len(judged):
                continue
            found[name] = scored(maps, frames.truth, judged, self.tolerance)
            prefix = f"localization/{name}" if name else "localization"
            numbers |= _numbers(prefix, found[name], frames.clip[judged], None if name else chance)
            fixed = fixed_ciou(maps, rows, split)[judged]
            if (known := ~fixed.isnan()).any():
                numbers |= described(f"{prefix}/cIoU@fixed", by_clip(fixed[known], frames.clip[judged][known]))
        own = found[""]
        area = truth.flatten(1).double().mean(1) * 224**2
        for name, (low, high) in SIZES.items():
            chosen = (area > low**2) & (area <= high**2)
            if chosen.any():
                part = Scored(own.pointing[chosen], own.ciou[chosen])
                numbers |= _numbers(f"localization/{name}", part, clip[chosen], None)
                numbers[f"localization/{name}/frames"] = float(chosen.sum())
        located = {"cIoU": own.ciou >= 0.5 - 1e-9, "pointing": own.pointing >= 0.5}
        numbers |= against_negatives(split, located)
        count = float(len(set(clip.tolist())))
        return numbers | {
            "localization/frames": float(len(truth)),
            "localization/clips": count,
            "localization/coverage": count / evidence.asked,
        }


def _numbers(prefix: str, found: Scored, clip: Tensor, chance: float | None) -> Mapping[str, float]:
    """Pointing, cIoU, success and AUC."""
    return {
        **described(f"{prefix}/pointing", by_clip(found.pointing, clip), chance=chance),
        **described(f"{prefix}/cIoU", by_clip(found.ciou, clip)),
        **described(f"{prefix}/success@0.5", by_clip((found.ciou >= 0.5 - 1e-9).double(), clip)),
        **described(f"{prefix}/AUC", by_clip(success_area(found.ciou.unsqueeze(1)), clip)),
    }
