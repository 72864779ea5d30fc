"""What maps show when nothing in view sounds, and one threshold for all maps that follows from it.

After Juanola et al. 2024, "A Critical Assessment of Visual Sound Source Localization Models Including Negative Audio",
and Mo and Morgado 2022, "A Closer Look at Weakly-Supervised Audio-Visual Source Localization" (SLAVC).
"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from mmssl.evaluate.evidence import SOUNDS, Evidence
from mmssl.evaluate.interval import by_clip, described, described_jointly
from mmssl.evaluate.maps import ciou, confidence, raster
from mmssl.evaluate.one_threshold import Split
from mmssl.evaluate.threshold import roc_areas

Rule = Callable[[Tensor], Tensor]  # the maxima of negative maps to a threshold


def _quantile(share: float) -> Rule:
    return lambda maxima: maxima.quantile(share)


RULES: Mapping[str, Rule] = {"max": torch.amax, "top10": _quantile(0.9), "Q3": _quantile(0.75)}


KINDS = (*SOUNDS, "off-screen")
_FOUND = 0.9  # share of sounding frames that are to be found when false alarms are counted


def negative_maps(evidence: Evidence) -> tuple[Tensor, Tensor, Tensor]:
    """`[K, h, w]` maps of sounds that nothing in view makes, and `[K]` int64 twice: of which frame, which of `KINDS`.

    Another recording's sound, silence and noise over every frame; and its own sound where nothing in view sounds.
    """
    silent = ~evidence.truth.flatten(1).any(1)
    maps = torch.cat([evidence.heat[name] for name in SOUNDS] + [evidence.heat["own"][silent]])
    frame = torch.arange(len(evidence.clip))
    frames = [frame] * len(SOUNDS) + [frame[silent]]
    kind = torch.cat([torch.full_like(each, number) for number, each in enumerate(frames)])
    made = maps.flatten(1).isfinite().all(1)
    return maps[made], torch.cat(frames)[made], kind[made]


def against_negatives(split: Split, located: Mapping[str, Tensor]) -> Mapping[str, float]:
    """The `universal`, `detection` and `false-alarms` numbers of localization.

    Args:
        split: M frames, P of which are judged and show something that sounds.
        located: by rule, `[P]` bool, which of those were pointed at rightly.
    """
    evidence = split.evidence
    sounding = evidence.truth.flatten(1).any(1)
    negatives, origin, kind = negative_maps(evidence)
    theirs = split.half[origin]
    asked, against = sounding & split.asked, split.asked[origin]
    number = torch.unique(evidence.clip[split.asked], return_inverse=True)[1]
    clip = torch.full((len(evidence.clip),), -1).masked_scatter(split.asked, number)
    numbers = dict(
        _detections(evidence.heat["own"][asked], negatives[against], located, clip[asked], clip[origin[against]])
    )
    maxima = negatives.flatten(1).amax(1).double()
    positives, mine = evidence.heat["own"], split.half
    if not all((theirs != side).any() and (theirs == side).any() for side in split.judged):
        return numbers
    numbers |= _false_alarms(split, sounding, negatives, origin, kind)
    for name, rule in RULES.items():
        overlap, area = torch.zeros(len(positives)).double(), torch.zeros(len(negatives)).double()
        thresholds = []
        for side in split.judged:
            threshold = float(rule(maxima[theirs != side]))
            thresholds.append(threshold)
            _score_side(positives, evidence.truth, sounding & (mine == side), threshold, overlap)
            area[theirs == side] = _active(negatives[theirs == side], threshold, evidence.truth.shape[-1])
        prefix = f"localization/universal/{name}"
        numbers[f"{prefix}/threshold"] = sum(thresholds) / len(thresholds)
        numbers |= _area_numbers(prefix, overlap[asked], area[against], clip[asked], clip[origin[against]])
    return numbers


def _false_alarms(
    split: Split, sounding: Tensor, negatives: Tensor, origin: Tensor, kind: Tensor
) -> Mapping[str, float]:
    """Shares of negative maps, by kind, that are as sure as all but a tenth of the sounding frames of the other side.

    Where no frame of the other side sounds nothing is counted.
    """
    sure, unsure = confidence(split.evidence.heat["own"]), confidence(negatives)
    theirs = split.half[origin]
    found, alarm = torch.zeros(len(sure)).double(), torch.full((len(unsure),), torch.nan).double()
    for side in split.judged:
        if not (known := sounding & (split.half != side)).any():
            return {}
        threshold = sure[known].quantile(1 - _FOUND)
        found += ((sure >= threshold) & (split.half == side)).double()
        alarm[theirs == side] = (unsure[theirs == side] >= threshold).double()
    clip, asked = split.evidence.clip, sounding & split.asked
    numbers = dict(described("localization/false-alarms/found", by_clip(found[asked], clip[asked])))
    for number, name in enumerate(KINDS):
        rows = (kind == number) & ~alarm.isnan()
        if rows.any():
            numbers |= described(f"localization/false-alarms/{name}", by_clip(alarm[rows], clip[origin[rows]]))
    return numbers


def _area_numbers(prefix: str, overlap: Tensor, area: Tensor, clip: Tensor, silent_clip: Tensor) -> Mapping[str, float]:
    """CIoU, pIA and F at one threshold; the last two are joined anew in each draw of recordings."""

    def averages(drawn: Tensor) -> tuple[Tensor, Tensor]:
        found, active = drawn[:, clip], drawn[:, silent_clip]
        return (found * overlap).sum(1) / found.sum(1), (active * area).sum(1) / active.sum(1)

    def joined(drawn: Tensor) -> Tensor:
        found, active = averages(drawn)
        return 2 * found * (1 - active) / (found + 1 - active).clamp(min=1e-12)

    count = int(torch.cat([clip, silent_clip]).max()) + 1
    return {
        **described_jointly(f"{prefix}/cIoU", lambda drawn: averages(drawn)[0], count),
        **described_jointly(f"{prefix}/pIA", lambda drawn: averages(drawn)[1], count),
        **described_jointly(f"{prefix}/F", joined, count),
    }


def _detections(
    positives: Tensor, negatives: Tensor, located: Mapping[str, Tensor], clip: Tensor, silent_clip: Tensor
) -> Mapping[str, float]:
    """AUC, AP and best F1 of telling P maps from N by their confidence."""
    sure, unsure = confidence(positives), confidence(negatives)
    count = int(torch.cat([clip, silent_clip]).max()) + 1

    def area(drawn: Tensor) -> Tensor:
        return roc_areas(sure, unsure, drawn[:, clip], drawn[:, silent_clip])

    numbers = dict(described_jointly("localization/detection/AUC", area, count, chance=0.5))
    for name, hit in located.items():
        for place, kind in enumerate(("AP", "max-F1")):

            def figure(drawn: Tensor, hit: Tensor = hit, place: int = place) -> Tensor:
                return detection(sure, unsure, hit, drawn[:, clip], drawn[:, silent_clip])[place]

            numbers |= described_jointly(f"localization/detection/{kind}-{name}", figure, count)
    return numbers


def _score_side(maps: Tensor, truth: Tensor, rows: Tensor, threshold: float, out: Tensor) -> None:
    """Writes the cIoU of what is above the threshold, a few maps at a time."""
    numbers = rows.nonzero()[:, 0]
    for start in range(0, len(numbers), 64):
        part = numbers[start : start + 64]
        out[part] = ciou(raster(maps[part], truth.shape[-1]) > threshold, truth[part])


def _active(maps: Tensor, threshold: float, size: int) -> Tensor:
    """`[K]` share of each map above the threshold."""
    parts = [maps[start : start + 64] for start in range(0, len(maps), 64)]
    return torch.cat([(raster(part, size) > threshold).flatten(1).double().mean(1) for part in parts])


def detection(
    positive: Tensor, negative: Tensor, located: Tensor, positives: Tensor, negatives: Tensor
) -> tuple[Tensor, Tensor]:
    """AP and best F1 of finding sounding frames by confidence, `[R]`; one whose place is wrong is no true positive.

    Args:
        positive: `[P]` confidences of frames that sound.
        negative: `[N]` confidences of maps of what does not.
        located: `[P]` bool, whose place is right.
        positives: `[R, P]`, how much each counts.
        negatives: `[R, N]`, likewise.
    """
    values, place = torch.unique(-torch.cat([positive, negative]), return_inverse=True)  # equal ones are found together
    zeros = torch.zeros(len(positives), len(values), dtype=torch.float64)
    hits = zeros.index_add(1, place[: len(positive)], positives * located).cumsum(1)
    found = zeros.index_add(1, place, torch.cat([positives, negatives], 1)).cumsum(1)
    precision, recall = hits / found.clamp(min=1e-12), hits / positives.sum(1, keepdim=True)
    gained = recall.diff(dim=1, prepend=zeros[:, :1])
    f1 = 2 * precision * recall / (precision + recall).clamp(min=1e-12)
    return (precision * gained).sum(1), f1.amax(1)
