"""A value with its bootstrap 95 % interval (Efron 1979, percentile method), and how both are named."""

from collections.abc import Callable, Iterator, Mapping

import torch
from torch import Tensor

from mmssl.modules import draws

_STREAM = 900  # of modules/draws, for what is drawn again
_AT_ONCE = 50  # draws: 1000 x 100 000 would not fit
Statistic = Callable[[Tensor], Tensor]  # `[..., Q]` to `[...]`
Weighted = Callable[[Tensor], Tensor]  # `[R, C]`, how often each of C recordings counts, to `[R]`


def mean(values: Tensor) -> Tensor:
    """Over the last axis."""
    return values.mean(-1)


def median(values: Tensor) -> Tensor:
    """Over the last axis, with the mean of the middle two (`torch.median` takes the lower)."""
    return values.quantile(0.5, dim=-1)


def by_clip(values: Tensor, clip: Tensor) -> Tensor:
    """The mean over frames, `[number of recordings]`."""
    number = torch.unique(clip, return_inverse=True)[1]
    total = torch.zeros(int(number.max()) + 1, dtype=torch.float64).index_add_(0, number, values.double())
    return total / torch.bincount(number)


def _drawn(count: int, seed: int, draws_made: int) -> Iterator[Tensor]:
    """`[R, count]` int64 of rows drawn with replacement, R at most 50 at a time."""
    for start in range(0, draws_made, _AT_ONCE):
        seeds = torch.arange(start, min(start + _AT_ONCE, draws_made)) + (seed << 20)
        yield (draws.uniform(seeds, _STREAM, count).double() * count).long().clamp(max=count - 1)


def _ends(found: Tensor) -> tuple[float, float]:
    low, high = found.quantile(torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()
    return low, high


def bootstrap(
    values: Tensor, statistic: Statistic = mean, *, seed: int = 0, draws_made: int = 1000
) -> tuple[float, float]:
    """The 2.5 % and 97.5 % points of a statistic when the `[Q]` values are drawn again with replacement."""
    values = values.double().cpu()
    return _ends(torch.cat([statistic(values[rows]) for rows in _drawn(len(values), seed, draws_made)]))


def described(
    name: str, values: Tensor, statistic: Statistic = mean, *, chance: float | None = None, seed: int = 0
) -> Mapping[str, float]:
    """`name`, `name/low`, `name/high` and, where it is known, `name/chance`."""
    return _named(name, float(statistic(values.double())), bootstrap(values, statistic, seed=seed), chance)


def described_jointly(
    name: str,
    statistic: Weighted,
    count: int,
    *,
    chance: float | None = None,
    seed: int = 0,
    draws_made: int = 200,
) -> Mapping[str, float]:
    """As `described`, of a number that is no statistic of one value a recording, such as an area under a curve.

    Args:
        name: of the number.
        statistic: from how often each recording is drawn.
        count: recordings.
        chance: where it is known.
        seed: of the draws.
        draws_made: fewer than for a mean, as each may sort nothing but sums over all pairs.
    """
    value = float(statistic(torch.ones(1, count, dtype=torch.float64)))
    found = []
    for rows in _drawn(count, seed, draws_made):
        ones = torch.ones(rows.shape, dtype=torch.float64)
        found.append(statistic(torch.zeros_like(ones).scatter_add_(1, rows, ones)))
    # A draw without a single positive has no area.
    made = torch.cat(found)
    return _named(name, value, _ends(made[made.isfinite()]), chance)


def _named(name: str, value: float, ends: tuple[float, float], chance: float | None) -> Mapping[str, float]:
    numbers = {name: value, f"{name}/low": ends[0], f"{name}/high": ends[1]}
    return numbers if chance is None else numbers | {f"{name}/chance": chance}
