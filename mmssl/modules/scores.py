"""How well the video of one clip goes with the sound or text of another, from a map of places and a vector.

All give `[A, N]` inner products from `places [A, T, *grid, E]` and `pooled [A, E]` of A clips and `other [N, E]` of N:
cosines, in [-1, 1], if those are of unit length. They differ in what becomes of the places.
"""

import math
from dataclasses import dataclass
from typing import ClassVar, Protocol

import torch
from torch import Tensor


class PairScore(Protocol):
    """A score of every pair of A maps and N vectors."""

    @property
    def reads_places(self) -> bool:
        """Whether it looks at the map; if not, any places will do."""
        ...

    def __call__(self, places: Tensor, pooled: Tensor, other: Tensor) -> Tensor:
        """`[A, T, *grid, E]`, `[A, E]`, `[N, E]` to `[A, N]`."""
        ...


def _by_time(places: Tensor, other: Tensor) -> Tensor:
    """The product of each place, `[A, T, P, N]`."""
    return (places.flatten(2, -2) if places.ndim > 3 else places.unsqueeze(2)) @ other.T


@dataclass(frozen=True)
class Pooled:
    """The product of the pooled vectors: what retrieval by `embed` uses; places are not asked to agree."""

    reads_places: ClassVar[bool] = False

    def __call__(self, places: Tensor, pooled: Tensor, other: Tensor) -> Tensor:
        """See `PairScore`."""
        return pooled @ other.T


@dataclass(frozen=True)
class MaxOverPlaces:
    """The best place of each time, averaged over time, so that one place is enough for a match.

    Mo and Morgado 2022 (EZ-VSL), equation 4; Hamilton et al. 2024 (DenseAV), section 3.2, which averages over time.
    """

    reads_places: ClassVar[bool] = True

    def __call__(self, places: Tensor, pooled: Tensor, other: Tensor) -> Tensor:
        """See `PairScore`."""
        return _by_time(places, other).amax(2).mean(1)


@dataclass(frozen=True)
class MaxOverHeadsAndPlaces:
    """For each time of the sound the best head and place of each time of the video; the mean over both times.

    Hamilton et al. 2024 (DenseAV), section 3.2. Here `places` have the features of all heads one after another, and
    `other`, `[N, T' * K * E]`, has those of all times of a sound.
    """

    heads: int = 1
    reads_places: ClassVar[bool] = True

    def volume(self, places: Tensor, sounds: Tensor) -> Tensor:
        """`[B, T, *grid, K * E]` and, of the same clips, `[B, T', K * E]` to their products `[B, T, P, K, T']`."""
        return torch.einsum("btpke,bske->btpks", self._by_head(places), self._by_head(sounds.unsqueeze(2))[:, :, 0])

    def __call__(self, places: Tensor, pooled: Tensor, other: Tensor) -> Tensor:
        """See `PairScore`."""
        each = self._by_head(places)
        times = other.reshape(len(other), -1, *each.shape[-2:])
        return torch.einsum("atpke,nske->atnspk", each, times).amax((-2, -1)).mean((1, 3))

    def _by_head(self, places: Tensor) -> Tensor:
        """`[A, T, *grid, K * E]` to `[A, T, P, K, E]`."""
        flat = places.flatten(2, -2)
        return flat.reshape(*flat.shape[:-1], self.heads, -1)


@dataclass(frozen=True)
class LogSumExpOverPlaces:
    """A soft maximum over the places of each time, so that not one place alone gets gradient.

    `temperature * (log sum exp(cosine / temperature) - log P)`: the maximum as it goes to 0, the mean as it grows.
    """

    temperature: float = 0.1
    reads_places: ClassVar[bool] = True

    def __call__(self, places: Tensor, pooled: Tensor, other: Tensor) -> Tensor:
        """See `PairScore`."""
        each = _by_time(places, other)
        return self.temperature * ((each / self.temperature).logsumexp(2) - math.log(each.shape[2])).mean(1)


@dataclass(frozen=True)
class Average:
    """The mean of several scores: `Average(Pooled(), MaxOverPlaces())` serves retrieval and localization at once."""

    scores: tuple[PairScore, ...]

    def __init__(self, *scores: PairScore) -> None:
        object.__setattr__(self, "scores", scores)

    @property
    def reads_places(self) -> bool:
        """If one of them does."""
        return any(score.reads_places for score in self.scores)

    def __call__(self, places: Tensor, pooled: Tensor, other: Tensor) -> Tensor:
        """See `PairScore`."""
        total = self.scores[0](places, pooled, other)
        for score in self.scores[1:]:
            total = total + score(places, pooled, other)
        return total / len(self.scores)
