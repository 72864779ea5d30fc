"""Scores of heat maps against places that sound. M maps on a raster of S x S; a raster of 224 is what papers use.

Every map is brought to the raster by bilinear interpolation that keeps the corners of pixels, not their centers
(`align_corners=False`, as Chen et al. 2021); bicubic, as in EZ-VSL, changes scores by points.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from mmssl.evaluate.framing import Box

THRESHOLDS = torch.linspace(0, 1, 21, dtype=torch.float64)  # 0, 0.05 ... 1


def raster(maps: Tensor, size: int) -> Tensor:
    """`[M, h, w]` to `[M, size, size]`, bilinear."""
    return functional.interpolate(maps.float().unsqueeze(1), (size, size), mode="bilinear").squeeze(1)


def box_mask(boxes: Sequence[Box], size: int) -> Tensor:
    """`[size, size]` bool, the union of boxes: pixels whose center is inside, and at least one a box."""
    mask = torch.zeros(size, size, dtype=torch.bool)
    for left, top, right, bottom in boxes:
        columns, rows = (_pixels(low, high, size) for low, high in ((left, right), (top, bottom)))
        mask[rows, columns] = True
    return mask


def _pixels(low: float, high: float, size: int) -> slice:
    first, last = round(low * size), round(high * size)
    first = min(first, size - 1)
    return slice(first, max(last, first + 1))


def top_half(maps: Tensor) -> Tensor:
    """`[M, S, S]` bool, what is not below its own map's median: half of the pixels, all of a constant map.

    This is the habit of the literature (Chen et al. 2021, after min-max scaling, which changes nothing). A box of area
    share a inside the predicted half then has cIoU 2a, so objects below a quarter of the picture can never succeed.
    """
    flat = maps.flatten(1)
    middle = flat.kthvalue(flat.shape[1] // 2 + 1, dim=1).values
    return maps >= middle[:, None, None]


def ciou(selected: Tensor, truth: Tensor) -> Tensor:
    """Consensus intersection over union (Senocak et al. 2018, equation 7), `[M]` float64 in [0, 1].

    sum(p g) / (sum(g) + sum(p [g = 0])) for a binary prediction p and truth g in [0, 1].

    Args:
        selected: `[M, S, S]` bool.
        truth: `[M, S, S]` bool, or floating point for a consensus of annotators.
    """
    p = selected.flatten(1)
    if truth.dtype == torch.bool:  # most often, and counting is five times faster than multiplying
        g = truth.flatten(1)
        hit = (p & g).sum(1).double()
        return hit / (g.sum(1) + p.sum(1) - hit).clamp(min=1e-12)
    p, g = p.double(), truth.flatten(1).double()
    return (p * g).sum(1) / (g.sum(1) + (p * (g == 0)).sum(1)).clamp(min=1e-12)


def ciou_curve(maps: Tensor, truth: Tensor, thresholds: Tensor) -> Tensor:
    """`ciou` of what is at or above each of T ascending thresholds, `[M, T]` float64.

    Args:
        maps: `[M, S, S]`.
        truth: `[M, S, S]` bool.
        thresholds: `[T]`.
    """
    count = len(thresholds) + 1
    cells = torch.bucketize(maps.flatten(1), thresholds.to(maps.dtype), right=True)  # thresholds that a pixel reaches
    cells = (cells + count * torch.arange(len(maps), device=maps.device).unsqueeze(1)) * 2 + truth.flatten(1)
    histogram = torch.bincount(cells.flatten(), minlength=2 * count * len(maps)).reshape(len(maps), count, 2)
    reached = histogram.flip(1).cumsum(1).flip(1)[:, 1:].double()
    return reached[..., 1] / (truth.flatten(1).sum(1, keepdim=True) + reached[..., 0]).clamp(min=1e-12)


def success_area(values: Tensor) -> Tensor:
    """Area under the share of `[..., M]` cIoU at or above a threshold, by trapezoids over 0, 0.05 ... 1; `[...]`."""
    # 1e-9: a cIoU of 0.15 must count at the threshold 0.05 * 3, whose last bit differs.
    curve = (values.unsqueeze(-1) >= THRESHOLDS.to(values.device) - 1e-9).double().mean(-2)
    return torch.trapezoid(curve, dx=0.05)


def pointing(maps: Tensor, truth: Tensor, tolerance: int = 0) -> Tensor:
    """Whether the highest place sounds (Zhang et al. 2016), `[M]` float64 in [0, 1].

    Several equally high places count by their share inside, so that a constant map scores the area of the truth.

    Args:
        maps: `[M, S, S]`.
        truth: `[M, S, S]` bool.
        tolerance: pixels by which the truth is widened, in rows and in columns.
    """
    inside = truth.flatten(1)
    if tolerance:
        inside = functional.max_pool2d(truth.float().unsqueeze(1), 2 * tolerance + 1, stride=1, padding=tolerance) > 0
        inside = inside.flatten(1)
    highest = (maps == maps.amax((1, 2), keepdim=True)).flatten(1)
    return (highest & inside).sum(1).double() / highest.sum(1)


def confidence(maps: Tensor) -> Tensor:
    """The mean of the highest quarter of each `[M, h, w]` map, `[M]`: how sure it is that anything here sounds.

    After Mo and Morgado 2022 (SLAVC), who take absolute values; here a strong "no" is no confidence.
    """
    flat = maps.flatten(1).double()
    return flat.topk(max(1, flat.shape[1] // 4), dim=1).values.mean(1)


def centered(size: int) -> Tensor:
    """`[size, size]`, the audio-blind guess that the middle sounds: minus the distance to it."""
    axis = torch.arange(size, dtype=torch.float32) - (size - 1) / 2
    return -(axis.unsqueeze(1) ** 2 + axis**2).sqrt()
