"""Numbers of synchrony from distances whose true shift is known; `synchrony` says how they are named."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mmssl.evaluate.interval import described, described_jointly
from mmssl.evaluate.offsets import accepted, answer, certainty, credit, curve, runs
from mmssl.evaluate.threshold import roc_areas

AVERAGED, ALL = (1, 5, 10, 25), 0  # windows
CERTAIN = 0.95  # of `certainty`, from which an offset is told; 1 in 100 clips of 3 s has it by chance


@dataclass(frozen=True)
class Volumes:
    """Distances of N copies of clips.

    Attributes:
        distances: `[N, W, 2 reach + 1]`.
        true: `[N]` int64, the true shift.
        period: `[N]` float64, of what is seen and heard, in shifts; infinite where it does not repeat.
        clip: `[N]` int64, the recording's number; copies of one are drawn together by the bootstrap.
    """

    distances: Tensor
    true: Tensor
    period: Tensor
    clip: Tensor

    @classmethod
    def joined(cls, parts: Sequence["Volumes"]) -> "Volumes":
        """Those of several batches."""
        names = ("distances", "true", "period", "clip")
        return cls(*(torch.cat([getattr(part, name) for part in parts]) for name in names))

    def by_clip(self, values: Tensor, rows: Tensor | None = None) -> Tensor:
        """The mean over the copies of each recording, of `[N]` values or of those of some rows."""
        clip = self.clip if rows is None else self.clip[rows]
        place = torch.unique(clip, return_inverse=True)[1]
        total = torch.zeros(int(place.max()) + 1, dtype=torch.float64).index_add_(0, place, values.double())
        return total / torch.bincount(place)


def judged(name: str, volumes: Volumes, step: float, seed: int = 0) -> Mapping[str, float]:
    """All numbers of some clips, named `synchrony/name/...`; `step` is in seconds, `seed` that of the bootstrap."""
    distances, true = volumes.distances, volumes.true
    prefix, mean = f"synchrony/{name}", curve(distances)
    numbers: dict[str, float] = {}
    for length in (*AVERAGED, ALL):
        means = [row.unsqueeze(0) for row in mean] if length == ALL else [runs(clip, length) for clip in distances]
        asked = torch.tensor([row for row, found in enumerate(means) if len(found)], dtype=torch.int64)
        for metric, within, period in _accuracies(volumes) if len(asked) else ():
            told = f"{prefix}/{metric}/{length or 'all'}"
            right = [credit(means[r], true[r], within, None if period is None else period[r]).mean() for r in asked]
            chance = accepted(mean.shape[-1], true, within, period)[asked].double().mean()
            numbers |= described(told, volumes.by_clip(torch.stack(right), asked), chance=float(chance), seed=seed)
    found = answer(mean)
    rest = {
        "bias": 1000 * step * (found.steps - true),  # ms
        "LSE-D": found.distance,
        "LSE-C": found.confidence,
        "certain": torch.tensor([float(certainty(clip, step) >= CERTAIN) for clip in distances]),
    }
    for metric, values in rest.items():
        numbers |= described(f"{prefix}/{metric}", volumes.by_clip(values), seed=seed)
    numbers |= _area(f"{prefix}/AUC", mean, volumes, seed)
    return numbers | {f"{prefix}/clips": float(len(torch.unique(volumes.clip))), f"{prefix}/copies": float(len(true))}


def _accuracies(volumes: Volumes) -> list[tuple[str, int, Tensor | None]]:
    """Name, shifts that an answer may be off, and periods of which a multiple more is right."""
    periodic = bool(volumes.period.isfinite().any())
    return [
        ("Acc@1", 0, None),
        ("Acc@+-1", 1, None),
        *([("Acc@+-1-or-periods", 1, volumes.period)] if periodic else []),
    ]


def _area(name: str, mean: Tensor, volumes: Volumes, seed: int) -> Mapping[str, float]:
    """In synchrony or not, by one threshold of the distance for all clips; each clip's false shifts count as one."""
    true, place = volumes.true, torch.unique(volumes.clip, return_inverse=True)[1]
    shift = torch.arange(mean.shape[-1]) - mean.shape[-1] // 2
    away = (shift - true.unsqueeze(1)).abs()
    own = -mean.gather(1, (true + mean.shape[-1] // 2).unsqueeze(1))[:, 0]
    row, column = ((away > 1) & ~mean.isnan()).nonzero(as_tuple=True)
    weight = 1 / torch.bincount(row, minlength=len(true))[row].double()
    kept = ~own.isnan()

    def area(drawn: Tensor) -> Tensor:
        return roc_areas(own[kept], -mean[row, column], drawn[:, place[kept]], drawn[:, place[row]] * weight)

    return described_jointly(name, area, int(place.max()) + 1, chance=0.5, seed=seed)
