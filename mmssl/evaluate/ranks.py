"""Where the right answers of a query stand in a gallery; recall, ranks and nDCG that cannot flatter a broken model.

Letters: Q queries, G items in the gallery, E features. Scores say "more alike" when higher.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from mmssl.errors import EvaluationError

# Rows of queries to which items are right answers, `[q, G]` bool: a whole Q x G mask may not fit into memory.
Relevant = Callable[[slice], Tensor]


@dataclass(frozen=True)
class Places:
    """Where the best-placed right answer of each query stands, all `[Q]` int64.

    Attributes:
        better: wrong items that score strictly higher than it.
        tied_wrong: wrong items that score the same.
        tied_right: right items that score the same, itself included; at least 1.
        right: right items in the gallery.
        gallery: G.
    """

    better: Tensor
    tied_wrong: Tensor
    tied_right: Tensor
    right: Tensor
    gallery: int

    def chance(self) -> "Places":
        """The same questions answered by equal scores for everything, whose expectation is that of random scores."""
        return Places(torch.zeros_like(self.better), self.gallery - self.right, self.right, self.right, self.gallery)


class Ties(Protocol):
    """What equal scores are worth."""

    def rank(self, places: Places) -> Tensor:
        """`[Q]` float64 from 1 to G."""
        ...

    def hit(self, places: Places, k: int) -> Tensor:
        """`[Q]` float64 in [0, 1]: a right answer among the first k."""
        ...


@dataclass(frozen=True)
class ExpectedTies:
    """The mean over all orders of the equal ones, so that equal scores for everything give chance exactly.

    With one right answer the rank is 1 + strictly better + half of the ties.
    """

    def rank(self, places: Places) -> Tensor:
        """The expected rank of the first right one among t wrong and m right ones in random order is 1 + t/(m + 1)."""
        return 1 + places.better + places.tied_wrong / (places.tied_right + 1).double()

    def hit(self, places: Places, k: int) -> Tensor:
        """One minus the chance to draw wrong ones alone, without putting back, for the places that are left."""
        miss = torch.ones(len(places.better), dtype=torch.float64, device=places.better.device)
        for drawn in range(k):
            wrong = (places.tied_wrong - drawn).clamp(min=0)
            share = wrong / (wrong + places.tied_right).double()
            miss = torch.where(places.better + drawn < k, miss * share, miss)
        return 1 - miss


@dataclass(frozen=True)
class PessimisticTies:
    """Every wrong item with the same score stands before the right one."""

    def rank(self, places: Places) -> Tensor:
        """1 + strictly better + ties."""
        return 1.0 + (places.better + places.tied_wrong).double()

    def hit(self, places: Places, k: int) -> Tensor:
        """Whether that rank is at most k."""
        return (self.rank(places) <= k).double()


def check_embeddings(embeddings: Tensor, name: str, keys: Sequence[str] = ()) -> None:
    """Refuse `[N, E]` embeddings whose comparison says nothing.

    Args:
        embeddings: of one modality.
        name: of it, for the message.
        keys: of the N recordings, for the message; () names none.

    Raises:
        EvaluationError: a value is NaN or infinite, or a row is zero.
    """
    bad = ~embeddings.isfinite().all(-1)
    if bad.any():
        told = named_rows(bad, keys)
        raise EvaluationError(
            f"{name}: {int(bad.sum())} of {len(bad)} embeddings hold NaN or Inf{told}; look at the training"
        )
    zero = embeddings.abs().amax(-1) == 0
    if zero.any():
        told = named_rows(zero, keys)
        raise EvaluationError(
            f"{name}: {int(zero.sum())} of {len(zero)} embeddings are zero{told}; mask what is missing"
        )


def named_rows(rows: Tensor, keys: Sequence[str]) -> str:
    """` (such as a, b, c)`, the first three keys where `[N]` bool `rows` is True; "" without keys."""
    found = [keys[row] for row in rows.nonzero()[:3, 0].tolist()] if keys else []
    return f" (such as {', '.join(found)})" if found else ""


def same(queries: Tensor, items: Tensor) -> Relevant:
    """Right answers are those with an equal number: `[Q]` and `[G]` int64."""
    return lambda rows: queries[rows].unsqueeze(1) == items


def place_scores(scores: Tensor, relevant: Tensor, *, tolerance: float = 0.0) -> Places:
    """Places from a whole score matrix.

    Args:
        scores: `[Q, G]`.
        relevant: `[Q, G]` bool, which items are right answers.
        tolerance: scores at most so far apart count as equal.

    Raises:
        EvaluationError: a score is not finite, or a query has no right answer.
    """
    if not scores.isfinite().all():
        raise EvaluationError("scores hold NaN or Inf, which have no rank; mend the training")
    right = relevant.sum(1)
    if (right == 0).any():
        raise EvaluationError(f"{int((right == 0).sum())} queries have no right answer in the gallery; leave them out")
    best = scores.masked_fill(~relevant, -torch.inf).amax(1, keepdim=True)
    tied = (scores - best).abs() <= tolerance
    better = (~relevant & ~tied & (scores > best)).sum(1)
    return Places(better, (tied & ~relevant).sum(1), (tied & relevant).sum(1), right, scores.shape[1])


def place_embeddings(queries: Tensor, items: Tensor, relevant: Relevant, *, chunk: int = 1024) -> Places:
    """Places by cosine, of `[Q, E]` queries in `[G, E]` items, never holding more than `chunk x G` scores.

    Cosines that differ by less than 1e-6, what float32 resolves, are ties.

    Raises:
        EvaluationError: as `check_embeddings` and `place_scores`.
    """
    check_embeddings(queries, "queries")
    check_embeddings(items, "gallery")
    unit, gallery = (torch.nn.functional.normalize(x.double(), dim=-1) for x in (queries, items))
    parts = []
    for start in range(0, len(unit), chunk):
        rows = slice(start, start + chunk)
        parts.append(place_scores(unit[rows] @ gallery.T, relevant(rows), tolerance=1e-6))
    better, tied_wrong, tied_right, right = (
        torch.cat([getattr(part, name) for part in parts]) for name in ("better", "tied_wrong", "tied_right", "right")
    )
    return Places(better, tied_wrong, tied_right, right, len(gallery))
