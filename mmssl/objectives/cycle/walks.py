"""Which films a frame visits before it must come home: each other film of the action alone, or several drawn at random.

Letters: B clips of this process, M of all, N frames of a clip, P cycles, Q frames that each begins with, H films on
the way.
"""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from mmssl.modules import draws

_FRAME, _FILMS = 310, 311  # streams of draws; each further cycle takes two more


class Walks(NamedTuple):
    """P cycles."""

    home: Tensor  # [P] the clip of this process in which it begins and ends
    films: Tensor  # [P, H] the clips of all processes that it visits in turn; -1 for none
    frames: Tensor  # [P, Q] the frames of the clip at home from which it begins


class Walk(Protocol):
    """A rule that makes them."""

    def __call__(self, seeds: Tensor, kin: Tensor, counts: Tensor, most: int) -> Walks:
        """Cycles from the clips of this process.

        Args:
            seeds: `[B]`.
            kin: `[B, M]` bool, which clips of all processes show the same action, never itself.
            counts: `[B]` frames of each clip.
            most: N.
        """
        ...


@dataclass(frozen=True)
class AllPairs:
    """To each other film of the action and back, from every frame: N(N - 1) ordered pairs of N films."""

    def __call__(self, seeds: Tensor, kin: Tensor, counts: Tensor, most: int) -> Walks:
        """See `Walk`."""
        home, film = kin.nonzero(as_tuple=True)
        return Walks(home, film.unsqueeze(1), torch.arange(most, device=kin.device).expand(len(home), -1))


@dataclass(frozen=True)
class Drawn:
    """From one random frame over some random films of the action, none twice.

    Where an action has fewer films the cycle is shorter. The authors draw cycles for a batch; here each clip begins as
    many, so that the clips of all processes draw what one process would.

    Attributes:
        length: films of a cycle with the one at home, 2 or more.
        cycles: that each clip begins.
    """

    length: int = 2
    cycles: int = 20

    def __call__(self, seeds: Tensor, kin: Tensor, counts: Tensor, most: int) -> Walks:
        """See `Walk`."""
        able = kin.any(1).nonzero()[:, 0]
        seeds, kin, counts = seeds[able], kin[able], counts[able]
        hops = min(self.length - 1, kin.shape[1])
        films, frames = [], []
        for cycle in range(self.cycles):
            lots = draws.uniform(seeds, _FILMS + 2 * cycle, kin.shape[1]).masked_fill(~kin, -1)
            drawn = lots.topk(hops, dim=1)
            films.append(drawn.indices.masked_fill(drawn.values < 0, -1))
            frames.append(draws.integers(seeds, _FRAME + 2 * cycle, counts).unsqueeze(1))
        return Walks(able.repeat(self.cycles), torch.cat(films), torch.cat(frames))
