"""Does the heat map point at what sounds? Always beside answers that never heard the sound.

Numbers, as `localization/WHO/METRIC`; WHO is absent for the model's own maps, `center` (the middle of the picture),
`constant` (no answer at all), or the model itself hearing another recording (`other-sound`), `silence` or `noise`; or
`small`, `medium`, `large` and `huge`: the model's own maps by the size of what sounds. METRIC:

* `pointing`: the highest place of the map is inside what sounds (Zhang et al. 2016).
* `cIoU`, `success@0.5`, `AUC`: of the upper half of each map's pixels, as in the literature on VGG-SS; an object below
  a quarter of the picture can then never succeed, which is why sizes are also told apart.
* `universal/RULE/cIoU`, `/pIA`, `/F`: one threshold for all maps, taken from the maxima of maps of silence, noise and
  other sounds (RULE: their maximum, top tenth or third quartile) on one half of the groups and judged on the other,
  both ways. pIA is the area of such maps that is above it; lower is better. F joins cIoU and 1 - pIA.
* `detection/AUC`, `/AP-RULE`, `/max-F1-RULE`: telling sounding frames from such maps by their confidence; for AP and
  F1 a frame counts only if its place is right as well (RULE: cIoU at least 0.5 as Mo and Morgado 2022, or pointing).

A number of a recording is the mean over its frames; intervals are over recordings.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from mmssl.data.clips import Clips
from mmssl.errors import EvaluationError
from mmssl.evaluate.evidence import SOUNDS, Evidence, gather_evidence
from mmssl.evaluate.held_out import middle, require
from mmssl.evaluate.interval import described
from mmssl.evaluate.maps import centered, ciou, pointing, raster, success_area, top_half
from mmssl.evaluate.negatives import against_negatives
from mmssl.evaluate.truth import GroundTruth, WorldTruth
from mmssl.objective import Objective

# Sides of squares on a raster of 224 that divide small, medium, large and huge objects.
SIZES = {"small": (0, 32), "medium": (32, 96), "large": (96, 144), "huge": (144, 10_000)}


@dataclass(frozen=True)
class Scored:
    """M maps, `[M]` float64 each."""

    pointing: Tensor
    ciou: Tensor


def scored(maps: Tensor, truth: Tensor, tolerance: int) -> Scored:
    """Scores of `[M, h, w]` maps against `[M, S, S]` masks, a few at a time."""
    parts = []
    for start in range(0, len(maps), 64):
        fine, mask = raster(maps[start : start + 64], truth.shape[-1]), truth[start : start + 64]
        parts.append((pointing(fine, mask, tolerance), ciou(top_half(fine), mask)))
    return Scored(torch.cat([hit for hit, _ in parts]), torch.cat([overlap for _, overlap in parts]))


def by_clip(values: Tensor, clip: Tensor) -> Tensor:
    """The mean over frames, `[number of recordings]`."""
    number = torch.unique(clip, return_inverse=True)[1]
    total = torch.zeros(int(number.max()) + 1, dtype=torch.float64).index_add_(0, number, values.double())
    return total / torch.bincount(number)


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

    @torch.no_grad()
    def evidence(self, objective: Objective) -> Evidence:
        """The maps behind the numbers."""
        return gather_evidence(
            objective,
            middle(self.clips),
            self.truth,
            size=self.size,
            frames=self.frames,
            batch_size=self.batch_size,
            limit=self.limit,
            workers=self.workers,
        )

    def judged(self, evidence: Evidence) -> Mapping[str, float]:
        """The numbers of maps that are there already."""
        sounding = evidence.truth.flatten(1).any(1)
        if not sounding.any():
            raise EvaluationError("localization: nothing in view sounds in any frame, so there is nothing to point at")
        truth, clip = evidence.truth[sounding], evidence.clip[sounding]
        blind = {"center": centered(self.size), "constant": torch.zeros(self.size, self.size)}
        answers = {name: guess.expand(len(truth), -1, -1) for name, guess in blind.items()}
        answers |= {name: evidence.heat[name][sounding] for name in SOUNDS}
        own = scored(evidence.heat["own"][sounding], truth, self.tolerance)
        # Pointing anywhere hits by the share of the picture that sounds.
        chance = float(by_clip(truth.flatten(1).double().mean(1), clip).mean())
        numbers = dict(_numbers("localization", own, clip, chance))
        for name, maps in answers.items():
            made = maps.flatten(1).isfinite().all(1)
            if made.any():
                found = scored(maps[made], truth[made], self.tolerance)
                numbers |= _numbers(f"localization/{name}", found, clip[made], None)
        area = truth.flatten(1).double().mean(1) * 224**2
        for name, (low, high) in SIZES.items():
            chosen = (area > low**2) & (area <= high**2)
            if chosen.any():
                part = Scored(own.pointing[chosen], own.ciou[chosen])
                numbers |= _numbers(f"localization/{name}", part, clip[chosen], None)
                numbers[f"localization/{name}/frames"] = float(chosen.sum())
        located = {"cIoU": own.ciou >= 0.5 - 1e-9, "pointing": own.pointing >= 0.5}
        numbers |= against_negatives(evidence, located)
        return numbers | {
            "localization/frames": float(len(truth)),
            "localization/clips": float(len(set(clip.tolist()))),
        }


def _numbers(prefix: str, found: Scored, clip: Tensor, chance: float | None) -> Mapping[str, float]:
    """Pointing, cIoU, success and AUC; the last without interval, as it is no mean of recordings' values."""
    return {
        **described(f"{prefix}/pointing", by_clip(found.pointing, clip), chance=chance),
        **described(f"{prefix}/cIoU", by_clip(found.ciou, clip)),
        **described(f"{prefix}/success@0.5", by_clip((found.ciou >= 0.5 - 1e-9).double(), clip)),
        f"{prefix}/AUC": float(success_area(found.ciou)),
    }
