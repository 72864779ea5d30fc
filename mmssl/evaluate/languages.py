"""The mean over languages of retrieval in each of them, with and without English.

Each language counts the same however many recordings are captioned in it, as in Huang et al. 2021, table 2. For the
interval recordings are drawn again, each with all its captions: one that is hard is hard in every language.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mmssl.evaluate.interval import Weighted, described_jointly
from mmssl.evaluate.ranks import Places, Ties

ALL, BUT_ENGLISH = "text.average", "text.average_but_en"


@dataclass(frozen=True)
class Answered:
    """What became of the queries of a pair of modalities.

    Attributes:
        rows: `[Q]`, which of the recordings they are.
        places: of their right answers.
    """

    rows: Tensor
    places: Places


def averages(
    found: Mapping[tuple[str, str], Answered], recalls: Sequence[int], ties: Ties, count: int, asked: int
) -> dict[str, float]:
    """`retrieval/text.average-video/R@k` and so on, of all languages and of all but English; nothing without several.

    Args:
        found: by query and item, languages as "text.de".
        recalls: k of R@k.
        ties: what equal scores are worth.
        count: recordings that could be read.
        asked: recordings that were looked at.
    """
    languages = sorted({side for pair in found for side in pair if side.startswith("text.")})
    others = sorted({side for pair in found for side in pair if not side.startswith("text")})
    numbers: dict[str, float] = {}
    for name, chosen in ((ALL, languages), (BUT_ENGLISH, [one for one in languages if one != "text.en"])):
        if len(languages) < 2 or (name == BUT_ENGLISH and chosen == languages):
            continue
        for other in others:
            for pair, forth in ((f"{name}-{other}", True), (f"{other}-{name}", False)):
                parts = [found.get((one, other) if forth else (other, one)) for one in chosen]
                present = [part for part in parts if part is not None]
                if present:
                    numbers |= _described(f"retrieval/{pair}", present, recalls, ties, count, asked)
    return numbers


def _described(
    prefix: str, parts: Sequence[Answered], recalls: Sequence[int], ties: Ties, count: int, asked: int
) -> dict[str, float]:
    numbers: dict[str, float] = {}
    for k in recalls:
        chance = sum(float(ties.hit(part.places.chance(), k).mean()) for part in parts) / len(parts)
        statistic = _mean_of_means([(part.rows, ties.hit(part.places, k)) for part in parts], count)
        numbers |= described_jointly(f"{prefix}/R@{k}", statistic, count, chance=chance)
    tied = [float((part.places.tied_wrong > 0).double().mean()) for part in parts]
    gallery = [float(len(part.rows)) for part in parts]
    return numbers | {
        f"{prefix}/languages": float(len(parts)),
        f"{prefix}/gallery": sum(gallery) / len(parts),
        f"{prefix}/coverage": sum(gallery) / len(parts) / asked,
        f"{prefix}/tied": sum(tied) / len(parts),
    }


def _mean_of_means(parts: Sequence[tuple[Tensor, Tensor]], count: int) -> Weighted:
    """Of `[Q]` rows and `[Q]` values each, when recordings count as often as told."""
    values, there = torch.zeros(2, len(parts), count, dtype=torch.float64)
    for place, (rows, hits) in enumerate(parts):
        values[place, rows], there[place, rows] = hits.double(), 1.0

    def statistic(times: Tensor) -> Tensor:
        means: Tensor = (times @ values.T) / (times @ there.T)
        return means.mean(1)

    return statistic
