"""One score of a moment from a query's cosines with its picture, its sound and its words.

The cosines are on different scales: a sound is far nearer to any sound than to any picture, since nothing in training
compares sounds with each other. A plain mean lets the wider spread decide, and puts a recording that has no picture
above or below all that have. So each cosine is turned into evidence, a log-likelihood ratio: over the index, cosines
with the other moments are taken as normal with the mean and deviation seen there, those with the right moment as
higher by a gain. With d = gain / deviation and z the standardized cosine that is d z - d^2 / 2 (Green & Swets 1966,
"Signal detection theory and psychophysics", ch. 1); evidence of several modalities adds up, and a lacking one adds
nothing. The gain is known from the index itself: it holds pairs, such as each moment's own caption and picture.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

SAMPLE = 16_384  # moments from which the scales are taken in a large index
_LEAST = 0.05  # of d: a modality that tells nothing still ranks when it is the only one


@dataclass(frozen=True)
class Scales:
    """Of one query's cosines over an index, `[M]` each."""

    mean: Tensor
    deviation: Tensor
    gain: Tensor

    @classmethod
    def of(cls, cosines: Tensor, gain: Tensor | None = None) -> "Scales":
        """From cosines.

        Args:
            cosines: `[M, n]`, NaN where a moment lacks the modality.
            gain: `[M]` of `gains`, NaN where it is unknown; all equally telling when None.
        """
        mean = cosines.nanmean(1)
        deviation = (cosines - mean.unsqueeze(1)).square().nanmean(1).sqrt().clamp(min=1e-6)
        gain = deviation if gain is None or gain[~mean.isnan()].isnan().any() else gain
        return cls(mean, deviation, gain)

    def linear(self) -> tuple[Tensor, Tensor, Tensor]:
        """The score as a sum of weight times cosine plus offset over the modalities of a moment, plus a constant.

        The evidence is given on the scale of a cosine: it is the cosine for one modality, and for several what
        evidence that is spread evenly over them would be on their mean scale.

        Returns:
            weights and offsets `[M]`, 0 for a modality that no moment has, and the constant, a scalar.
        """
        here = ~self.mean.isnan()
        mean, deviation = self.mean[here], self.deviation[here]
        d = (self.gain[here] / deviation).clamp(min=_LEAST)
        scale = deviation.mean() / d.sum()
        weights, offsets = torch.zeros_like(self.mean), torch.zeros_like(self.mean)
        weights[here] = scale * d / deviation
        offsets[here] = -scale * d * (mean / deviation + d / 2)
        return weights, offsets, mean.mean() + scale * d.square().sum() / 2

    def fused(self, cosines: Tensor) -> Tensor:
        """`[M, n]` to `[n]`, higher is better, NaN for a moment that has none of the modalities."""
        weights, offsets, constant = (part.unsqueeze(-1) for part in self.linear())
        here = ~self.mean.isnan()
        score = (weights * cosines + offsets)[here].nansum(0) + constant
        return torch.where(cosines[here].isnan().all(0), torch.nan, score)


def gain(asked: Tensor, answered: Tensor, *, same: bool) -> Tensor:
    """How much higher the cosines of a query with its own moment are than with others, a scalar; NaN if unknown.

    Args:
        asked: `[n, E]` vectors of the query's modality.
        answered: `[n, E]` of the searched modality, of the same moments; NaN where they lack it.
        same: both are one modality; then the query is taken to be as near as can be.
    """
    own = torch.ones(()) if same else (asked * answered).sum(1).nanmean()
    return own - asked.nanmean(0) @ answered.nanmean(0)
