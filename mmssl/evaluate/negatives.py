"""What maps show when nothing in view sounds, and one threshold for all maps that follows from it.

After Juanola et al. 2024, "A Critical Assessment of Visual Sound Source Localization Models Including Negative Audio",
and Mo and Morgado 2022, "A Closer Look at Weakly-Supervised Audio-Visual Source Localization" (SLAVC).
"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from mmssl.evaluate.evidence import SOUNDS, Evidence
from mmssl.evaluate.maps import ciou, confidence, raster
from mmssl.evaluate.threshold import halves, roc_area

Rule = Callable[[Tensor], Tensor]  # the maxima of negative maps to a threshold


def _quantile(share: float) -> Rule:
    return lambda maxima: maxima.quantile(share)


RULES: Mapping[str, Rule] = {"max": torch.amax, "top10": _quantile(0.9), "Q3": _quantile(0.75)}


def negative_maps(evidence: Evidence) -> tuple[Tensor, Tensor]:
    """`[K, h, w]` maps of sounds that nothing in view makes, and `[K]` groups.

    Silence, noise and another recording's sound over every frame; and its own sound where nothing in view sounds.
    """
    silent = ~evidence.truth.flatten(1).any(1)
    maps = torch.cat([evidence.heat[name] for name in SOUNDS] + [evidence.heat["own"][silent]])
    group = torch.cat([evidence.group] * len(SOUNDS) + [evidence.group[silent]])
    made = maps.flatten(1).isfinite().all(1)
    return maps[made], group[made]


def against_negatives(evidence: Evidence, located: Mapping[str, Tensor]) -> Mapping[str, float]:
    """The `universal` and `detection` numbers of localization.

    Args:
        evidence: M frames, P of which show something that sounds.
        located: by rule, `[P]` bool, which of those were pointed at rightly.
    """
    negatives, group = negative_maps(evidence)
    sounding = evidence.truth.flatten(1).any(1)
    positives, truth = evidence.heat["own"][sounding], evidence.truth[sounding]
    sure, unsure = confidence(positives), confidence(negatives)
    numbers = {"localization/detection/AUC": roc_area(sure, unsure), "localization/detection/AUC/chance": 0.5}
    for name, hit in located.items():
        precision, f1 = _detection(sure, unsure, hit)
        numbers |= {f"localization/detection/AP-{name}": precision, f"localization/detection/max-F1-{name}": f1}
    # Both kinds are halved by one numbering of the groups, so that no recording helps to choose its own threshold.
    half = halves(torch.cat([evidence.group[sounding], group]))
    mine, theirs = half[: len(positives)], half[len(positives) :]
    if not all((h == side).any() for h in (mine, theirs) for side in (0, 1)):
        return numbers
    maxima = negatives.flatten(1).amax(1).double()
    for name, rule in RULES.items():
        overlap, area = torch.zeros(len(positives)).double(), torch.zeros(len(negatives)).double()
        thresholds = []
        for side in (0, 1):
            threshold = float(rule(maxima[theirs == side]))
            thresholds.append(threshold)
            _score_side(positives, truth, mine != side, threshold, overlap)
            area[theirs != side] = _active(negatives[theirs != side], threshold, truth.shape[-1])
        found, active = float(overlap.mean()), float(area.mean())
        prefix = f"localization/universal/{name}"
        numbers |= {f"{prefix}/threshold": sum(thresholds) / 2, f"{prefix}/cIoU": found, f"{prefix}/pIA": active}
        numbers[f"{prefix}/F"] = 2 * found * (1 - active) / max(found + 1 - active, 1e-12)
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


def _detection(positive: Tensor, negative: Tensor, located: Tensor) -> tuple[float, float]:
    """AP and best F1 of finding sounding frames by confidence; one whose place is wrong is no true positive."""
    sure = torch.cat([positive, negative])
    true = torch.cat([located, torch.zeros(len(negative), dtype=torch.bool)])
    values, place = torch.unique(-sure, return_inverse=True)  # equal confidences are found together
    hits = torch.zeros(len(values)).double().index_add_(0, place, true.double()).cumsum(0)
    found = torch.zeros(len(values)).double().index_add_(0, place, torch.ones_like(sure)).cumsum(0)
    precision, recall = hits / found, hits / len(positive)
    gained = recall.diff(prepend=torch.zeros(1, dtype=torch.float64))
    f1 = 2 * precision * recall / (precision + recall).clamp(min=1e-12)
    return float((precision * gained).sum()), float(f1.max())
