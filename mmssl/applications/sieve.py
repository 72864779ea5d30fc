"""Half a byte a number of each row, from which a scan learns what the product with a query is at most.

A number x of dimension d is stored as c = 0 ... 15 with x = mean_d + step_d (c - 7.5) + r. Of the residual r only its
length is kept, so q x <= q (x - r) + |q| |r| by Cauchy and Schwarz; the query's own rounding adds |e| |c - 7.5|. Rows
whose bound is below the true score of the k-th best cannot be among the best, whatever the vectors are like. That makes
the search exact; how many rows must be looked at depends on the vectors, and `search` says how many.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

# The step that loses least of normally distributed numbers with 16 levels, in standard deviations
# (Max 1960, "Quantizing for minimum distortion", table II).
_STEP = 0.3352
CHUNK = 8_192  # rows at a time, so that their float copies stay in the cache
_ROUNDING = 1e-5  # of a bound, for float32


@dataclass(frozen=True)
class Sieve:
    """Codes of one modality; a row that lacks it has a residual below 0.

    Attributes:
        codes: `[N, D / 2]` uint8, N the next multiple of 4, D the next multiple of 64 of the dimension.
        residual: `[n]` float32, of each row.
        mean: `[E]`.
        step: `[E]`.
        reach: the longest |c - 7.5| of a row.
    """

    codes: Tensor
    residual: Tensor
    mean: Tensor
    step: Tensor
    reach: Tensor

    @classmethod
    def like(cls, sample: Tensor) -> Self:
        """An empty one whose steps fit to a sample `[n, E]` without NaN."""
        mean = sample.mean(0)
        deviation = sample.std(0, unbiased=False).clamp(min=1e-4 / sample.shape[1] ** 0.5)
        codes = torch.empty(0, -(-sample.shape[1] // 64) * 32, dtype=torch.uint8)
        return cls(codes, torch.empty(0), mean, _STEP * deviation, torch.zeros(()))

    def resized(self, rows: int, parts: Iterable[Tensor]) -> Self:
        """The first of its rows, and behind them others until there are so many.

        Args:
            rows: of the whole.
            parts: of the other rows, `[*, E]` each, NaN where they lack the modality; `CHUNK` rows are quickest.
        """
        codes = torch.zeros(-(-rows // 4) * 4, self.codes.shape[1], dtype=torch.uint8)
        residual, reach = torch.empty(rows), self.reach
        first = min(rows, len(self.residual))
        codes[:first], residual[:first] = self.codes[:first], self.residual[:first]
        for part in parts:
            place = slice(first, first + len(part))
            codes[place], residual[place], farthest = self._encoded(part.float())
            reach, first = reach.maximum(farthest), place.stop
        return type(self)(codes, residual, self.mean, self.step, reach)

    def _encoded(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        lacking = rows[:, 0].isnan()
        scaled = (rows - self.mean).div_(self.step).add_(7.5)
        numbers = scaled.round().clamp_(0, 15)
        residual = scaled.sub_(numbers).mul_(self.step).norm(dim=1).mul_(1 + 1e-4).add_(1e-6)
        # A lacking row becomes one of zeros that no scan looks at.
        residual[lacking], numbers[lacking] = -1.0, 0.0
        wide = torch.zeros(len(rows), 2 * self.codes.shape[1], dtype=torch.uint8)
        wide[:, : rows.shape[1]] = numbers.to(torch.uint8)
        reach = numbers.sub_(7.5).norm(dim=1).max()
        pairs = wide.view(len(rows), -1, 2, 32)
        return (pairs[:, :, 1] << 4 | pairs[:, :, 0]).view(len(rows), -1), residual, reach

    def weights(self, queries: Tensor, offsets: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Of `add_bounds`, for queries `[Q, E]` with what is added to each product, `[Q]`.

        Returns:
            weights `[P, D]` int8, scale, base and norm `[P]` float32; P is 1, or the next multiple of 4 of Q.
        """
        from mmssl.applications.nibbles import LANE, LANES, STEP

        exact = torch.zeros(len(queries), 2 * self.codes.shape[1], dtype=torch.float64)
        exact[:, : queries.shape[1]] = queries.double() * self.step.double()
        # The sums of a lane must fit, whichever codes come.
        lanes = exact.view(len(queries), -1, STEP // 32, LANES, 2)
        fullest = torch.maximum(lanes.clamp(min=0).sum((1, 2, 4)), -lanes.clamp(max=0).sum((1, 2, 4))).amax(1)
        # Half a unit may be added to each of a lane's weights when it is rounded.
        room = LANE - lanes[0, :, :, 0].numel() / 2
        scale = torch.maximum(exact.abs().amax(1) / 127, fullest / room).clamp(min=1e-30)
        whole = (exact / scale[:, None]).round()
        lost = (exact - whole * scale[:, None]).norm(dim=1) * self.reach.double()
        norm = queries.double().norm(dim=1)
        # sum w c + q (mean - 7.5 step), and e (c - 7.5): the weights' own rounding counts from 7.5 on.
        drift = 7.5 * (whole * scale[:, None]).sum(1)
        spare = _ROUNDING * (norm + offsets.double().abs())
        base = queries.double() @ self.mean.double() - drift + offsets.double() + lost + spare
        padded = 1 if len(queries) == 1 else -(-len(queries) // 4) * 4
        out = torch.zeros(padded, whole.shape[1], dtype=torch.int8)
        out[: len(queries)] = whole.to(torch.int8)
        told = torch.zeros(3, padded)
        told[:, : len(queries)] = torch.stack([scale, base, norm]).float()
        return out, told[0], told[1], told[2]
