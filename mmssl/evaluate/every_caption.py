"""Retrieval by every caption where recordings have several, as on MSR-VTT's full test set, MSVD, VATEX or AudioCaps.

Names of the numbers: `retrieval/captions-video/R@1` and so on: each caption of a recording is a query, and all count
the same; `retrieval/video-captions/R@1`: each recording is a query, among all captions, where its best-placed one
counts. Beside them stand `queries`, `gallery` (items), `coverage` and `tied`, as in `retrieval`. Intervals draw
recordings, each with all its captions. Captions of some seconds alone, such as narration, are not asked: which of them
are about the middle of a recording nobody knows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mmssl.data.recordings import Recording
from mmssl.evaluate.interval import Weighted, described_jointly
from mmssl.evaluate.ranks import Places, Ties, place_embeddings

_SCORES = 1 << 24  # that are held at once


@dataclass(frozen=True)
class Sentences:
    """C captions of N recordings.

    Attributes:
        embeddings: `[C, E]`.
        texts: `[C]`.
        owner: `[C]` int64, the row of the recording that each is of.
    """

    embeddings: Tensor
    texts: tuple[str, ...]
    owner: Tensor


def said_of(recordings: Sequence[Recording], language: str) -> tuple[tuple[str, ...], Tensor]:
    """The captions that are about whole recordings, and `[C]` of which; none unless one has several of a language.

    Args:
        recordings: N of them.
        language: ISO 639-1, beside captions of unknown language; "" takes all.
    """
    texts, owner, several = list[str](), list[int](), False
    for row, recording in enumerate(recordings):
        whole = [c for c in recording.captions if c.start is None and c.end is None]
        fitting = {
            c.text: c.language for c in whole if c.text.strip() and (not language or c.language in ("", language))
        }
        several |= len(fitting) > len(set(fitting.values()))
        texts += fitting
        owner += [row] * len(fitting)
    return (tuple(texts), torch.tensor(owner)) if several else ((), torch.zeros(0, dtype=torch.int64))


def by_every_caption(
    said: Sentences, item: str, embeddings: Tensor, valid: Tensor, recalls: Sequence[int], ties: Ties, asked: int
) -> Mapping[str, float]:
    """The numbers of captions and one other modality, both ways; {} where no recording has both.

    Args:
        said: captions of N recordings.
        item: name of the other modality.
        embeddings: `[N, E]` of it.
        valid: `[N]` bool, which recordings have it.
        recalls: k of R@k.
        ties: what equal scores are worth.
        asked: recordings that were looked at.
    """
    here = valid[said.owner].nonzero()[:, 0]
    rows = torch.unique(said.owner[here])  # recordings with both, ascending
    if not len(rows):
        return {}
    owner = torch.searchsorted(rows, said.owner[here])
    words, things = said.embeddings[here], embeddings[rows]
    right = _Right([said.texts[number] for number in here.tolist()], owner.tolist(), len(rows))
    forth = place_embeddings(words, things, right.recordings, chunk=max(_SCORES // len(things), 1))
    back = place_embeddings(things, words, right.captions, chunk=max(_SCORES // len(words), 1))
    share = len(rows) / asked
    return {
        **_numbers(f"retrieval/captions-{item}", forth, owner, len(rows), recalls, ties, share),
        **_numbers(f"retrieval/{item}-captions", back, torch.arange(len(rows)), len(rows), recalls, ties, share),
    }


class _Right:
    """Which recordings a caption is right for, all of which it is said, and the other way round.

    Args:
        texts: `[C]`.
        owner: `[C]`, the recording of each.
        count: N recordings.
    """

    def __init__(self, texts: Sequence[str], owner: Sequence[int], count: int) -> None:
        self._texts, self._count = texts, count
        self._owners: dict[str, list[int]] = {}
        self._columns: dict[str, list[int]] = {}
        self._said: list[list[str]] = [[] for _ in range(count)]
        for column, (text, row) in enumerate(zip(texts, owner, strict=True)):
            self._owners.setdefault(text, []).append(row)
            self._columns.setdefault(text, []).append(column)
            self._said[row].append(text)

    def recordings(self, span: slice) -> Tensor:
        """`[q, N]` bool of captions."""
        asked = self._texts[span]
        mask = torch.zeros(len(asked), self._count, dtype=torch.bool)
        for line, text in enumerate(asked):
            mask[line, self._owners[text]] = True
        return mask

    def captions(self, span: slice) -> Tensor:
        """`[q, C]` bool of recordings."""
        asked = self._said[span]
        mask = torch.zeros(len(asked), len(self._texts), dtype=torch.bool)
        for line, texts in enumerate(asked):
            mask[line, [column for text in texts for column in self._columns[text]]] = True
        return mask


def _numbers(
    prefix: str, places: Places, owner: Tensor, count: int, recalls: Sequence[int], ties: Ties, share: float
) -> Mapping[str, float]:
    """Of `[Q]` queries, each of one of `count` recordings, which are drawn with all their queries."""
    chance = places.chance()
    numbers: dict[str, float] = {}
    for k in recalls:
        expected = float(ties.hit(chance, k).mean())
        numbers |= described_jointly(
            f"{prefix}/R@{k}", _mean(ties.hit(places, k), owner, count), count, chance=expected
        )
    ranks, expected_ranks = ties.rank(places), ties.rank(chance)
    for name, statistic in (("MedR", _median), ("MeanR", _mean)):
        once = torch.ones(1, count, dtype=torch.float64)
        expected = float(statistic(expected_ranks, owner, count)(once))
        numbers |= described_jointly(f"{prefix}/{name}", statistic(ranks, owner, count), count, chance=expected)
    return numbers | {
        f"{prefix}/queries": float(len(ranks)),
        f"{prefix}/gallery": float(places.gallery),
        f"{prefix}/coverage": share,
        f"{prefix}/tied": float((places.tied_wrong > 0).double().mean()),
    }


def _mean(values: Tensor, owner: Tensor, count: int) -> Weighted:
    """Of `[Q]` values when recordings count as often as told."""
    sums = torch.zeros(count, dtype=torch.float64).index_add_(0, owner, values.double())
    queries = torch.bincount(owner, minlength=count).double()
    return lambda times: (times @ sums) / (times @ queries)


def _median(values: Tensor, owner: Tensor, count: int) -> Weighted:
    """Likewise, with the mean of the middle two."""
    ascending, order = values.double().sort()
    theirs = owner[order]

    def statistic(times: Tensor) -> Tensor:
        reached = times[:, theirs].cumsum(1)
        middle = torch.stack([(reached[:, -1] - 1).div(2, rounding_mode="floor"), (reached[:, -1] / 2).floor()], 1)
        return ascending[torch.searchsorted(reached, middle, right=True)].mean(1)

    return statistic
