"""A value with its bootstrap 95 % interval (Efron 1979, percentile method), and how both are named."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from mmssl.modules import draws

_STREAM = 900  # of modules/draws, for what is drawn again
Statistic = Callable[[Tensor], Tensor]  # `[..., Q]` to `[...]`


def mean(values: Tensor) -> Tensor:
    """Over the last axis."""
    return values.mean(-1)


def median(values: Tensor) -> Tensor:
    """Over the last axis, with the mean of the middle two (`torch.median` takes the lower)."""
    return values.quantile(0.5, dim=-1)


def bootstrap(
    values: Tensor, statistic: Statistic = mean, *, seed: int = 0, draws_made: int = 1000
) -> tuple[float, float]:
    """The 2.5 % and 97.5 % points of a statistic when the `[Q]` values are drawn again with replacement."""
    values = values.double().cpu()
    found = []
    for start in range(0, draws_made, 50):  # 50 x Q at a time: 1000 x 100 000 would not fit
        seeds = torch.arange(start, min(start + 50, draws_made)) + (seed << 20)
        rows = (draws.uniform(seeds, _STREAM, len(values)).double() * len(values)).long().clamp(max=len(values) - 1)
        found.append(statistic(values[rows]))
    low, high = torch.cat(found).quantile(torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()
    return low, high


def described(
    name: str, values: Tensor, statistic: Statistic = mean, *, chance: float | None = None, seed: int = 0
) -> Mapping[str, float]:
    """`name`, `name/low`, `name/high` and, where it is known, `name/chance`."""
    low, high = bootstrap(values, statistic, seed=seed)
    numbers = {name: float(statistic(values.double())), f"{name}/low": low, f"{name}/high": high}
    return numbers if chance is None else numbers | {f"{name}/chance": chance}
