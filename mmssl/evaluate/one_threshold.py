"""One threshold for all maps, fixed on recordings other than those that it is judged on.

A threshold for each map by itself, like the half of its pixels of the literature, tells the area in advance and finds
something in every picture; one that is chosen on the test recordings flatters. Here it is the best one of validation
recordings or, where there are none, of one half of the groups, judged on the other, both ways.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from mmssl.evaluate.evidence import Evidence
from mmssl.evaluate.maps import ciou, ciou_curve, raster
from mmssl.evaluate.threshold import halves

_TRIED = 101  # thresholds
_SAMPLE = 256  # maps from whose values the thresholds are taken
_COARSE = 56  # pixels of the raster on which they are compared
_LARGEST = 1 << 20  # values that are sorted for that


@dataclass(frozen=True)
class Split:
    """Frames, and which of them fix what the others are judged by.

    Attributes:
        evidence: M frames.
        half: `[M]` int64, 0 or 1: the thresholds of one are judged on the other.
        judged: the halves that are judged.
    """

    evidence: Evidence
    half: Tensor
    judged: tuple[int, ...]

    @classmethod
    def of(cls, evidence: Evidence, validation: Evidence | None = None) -> "Split":
        """Validation frames before those that are judged; without any, two halves of the groups."""
        if validation is None:
            return cls(evidence, halves(evidence.group), (0, 1))
        half = torch.tensor([0] * len(validation.clip) + [1] * len(evidence.clip))
        return cls(evidence.after(validation), half, (1,))

    @property
    def asked(self) -> Tensor:
        """`[M]` bool, the frames that are judged."""
        return torch.isin(self.half, torch.tensor(self.judged))


def fixed_ciou(maps: Tensor, rows: Tensor, split: Split) -> Tensor:
    """`[M]` float64 cIoU at the threshold whose mean cIoU is best on the other half; NaN where nothing fixes it.

    Args:
        maps: `[M, h, w]`.
        rows: `[M]` bool, which of them count.
        split: of the M frames.
    """
    truth, half = split.evidence.truth, split.half
    found = torch.full((len(maps),), torch.nan, dtype=torch.float64)
    for side in split.judged:
        known, asked = (rows & (half != side)).nonzero()[:, 0], (rows & (half == side)).nonzero()[:, 0]
        if not len(known) or not len(asked):
            continue
        some = known[:: -(-len(known) // _SAMPLE)]
        values = maps[some].float().flatten()
        tried = torch.unique(values[:: -(-len(values) // _LARGEST)].quantile(torch.linspace(0, 1, _TRIED)))
        best = tried[_curves(maps, truth, known, tried).mean(0).argmax()]
        for some in torch.split(asked, 64):
            found[some] = ciou(raster(maps[some], truth.shape[-1]) >= best, truth[some])
    return found


def _curves(maps: Tensor, truth: Tensor, rows: Tensor, thresholds: Tensor) -> Tensor:
    """`[len(rows), T]` cIoU on a coarser raster, which tells thresholds apart as well, at a sixteenth of the time."""
    step = max(truth.shape[-1] // _COARSE, 1)
    coarse = truth[:, step // 2 :: step, step // 2 :: step]
    size = coarse.shape[-1]
    return torch.cat(
        [ciou_curve(raster(maps[some], size), coarse[some], thresholds) for some in torch.split(rows, 256)]
    )
