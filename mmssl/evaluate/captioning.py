"""Captioning: is the next word told right, would it be with another clip's picture, and are words told freely true?

Names of the numbers, each with `/low` and `/high`, the bootstrap 95 % interval over words or clips:
`caption/next-word`, the share of words of the first caption, its end among them, that are the likeliest given those
before, with `/chance`, what always telling the most frequent one gives; `caption/next-word-other`, the same when each
clip's picture is that of the clip before it in its batch; `caption/words-told`, the share of the words of a caption
that is told freely which stand in one of the clip's own captions. They are of `caption/words` words and
`caption/clips` clips.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from mmssl.batch import Batch
from mmssl.data.clips import Clips
from mmssl.errors import EvaluationError
from mmssl.evaluate.held_out import held_out, middle, require
from mmssl.evaluate.interval import described
from mmssl.objective import Objective


@runtime_checkable
class Captioner(Protocol):
    """An objective that tells captions."""

    def next_words(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """`[B, P]` ids that it would tell next of the first caption, and those that stand there; -1 is nothing."""
        ...

    def caption(self, batch: Batch, length: int = 24) -> Tensor:
        """`[B, length]` ids that it tells of the pictures; -1 after the end."""
        ...


@dataclass(frozen=True, kw_only=True)
class Captioning:
    """Of the middle of each recording that has pictures and a caption.

    Attributes:
        clips: the data.
        limit: recordings at most; 0 takes all.
        batch_size: clips at once.
        workers: processes that decode.
    """

    clips: Clips
    limit: int = 0
    batch_size: int = 32
    workers: int = 0

    @torch.no_grad()
    def __call__(self, objective: Objective) -> Mapping[str, float]:
        """The numbers above.

        Raises:
            UsageError: the objective or the clips lack pictures or words.
            EvaluationError: it tells no captions, or no recording has one.
        """
        require(objective, self.clips, ("video", "text"), "captioning")
        if not isinstance(objective, Captioner):
            raise EvaluationError(f"captioning: {type(objective).__name__} tells no captions")
        labels, right, other, true = [], [], [], []
        opened = middle(self.clips.only("video", "text"))
        for batch in held_out(objective, opened, self.batch_size, limit=self.limit, workers=self.workers):
            usable = (batch.valid("video") & batch.valid("text")).cpu()
            guesses, words = (ids.cpu() for ids in objective.next_words(batch))
            moved = Batch(video=batch.video.roll(1, 0), text=batch.text)
            there = (words >= 0) & usable.unsqueeze(1)
            labels.append(words[there])
            right.append((guesses == words)[there])
            if len(batch) > 1:  # a clip alone has no other's picture
                other.append((objective.next_words(moved)[0].cpu() == words)[there])
            true.append(_told(objective.caption(batch, self.clips.words), batch.text).cpu()[usable])
        if not labels or not len(torch.cat(labels)):
            raise EvaluationError("captioning: no recording has a caption; look at `mmssl probe`")
        every = torch.cat(labels)
        common = float(torch.unique(every, return_counts=True)[1].max() / len(every))
        numbers = dict(described("caption/next-word", torch.cat(right).float(), chance=common))
        if other:
            numbers |= described("caption/next-word-other", torch.cat(other).float())
        numbers |= described("caption/words-told", torch.cat(true))
        return numbers | {"caption/words": float(len(every)), "caption/clips": float(len(torch.cat(true)))}


def _told(told: Tensor, captions: Tensor) -> Tensor:
    """`[B, P]` and `[B, C, L]` ids to `[B]`, the share of words told that stand in a caption; 0 if none is told."""
    stands = (told.unsqueeze(2) == captions.flatten(1).unsqueeze(1)).any(2) & (told >= 0)
    return stands.sum(1) / (told >= 0).sum(1).clamp(min=1)
