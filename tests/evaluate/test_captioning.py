"""Captioning of tellers whose words are known."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from mmssl.batch import Batch
from mmssl.data.clips import Clips
from mmssl.data.recordings import Caption
from mmssl.errors import EvaluationError, UsageError
from mmssl.evaluate.captioning import Captioning
from mmssl.modules.captioning import next_words
from mmssl.objective import Objective

MakeClips = Callable[..., Clips]
MakeObjective = Callable[..., Objective]
END = 99


def told(count: int) -> list[list[Caption]]:
    """A word of its own for each clip, between two that all have."""
    return [[Caption(f"a w{number} moves", "en")] for number in range(count)]


def teller(given: MakeObjective, knows: bool) -> Objective:
    """Tells all words right, or all but the one that differs."""

    class Teller(given):  # type: ignore[misc, valid-type]
        def next_words(self, batch: Batch) -> tuple[Tensor, Tensor]:
            labels = next_words(batch.text[:, 0], END)
            guesses = labels.clone()
            if not knows:
                guesses[:, 1] = END
            return guesses, labels

        def caption(self, batch: Batch, length: int = 24) -> Tensor:
            words = batch.text[:, 0].clone()
            if not knows:
                words[:, 1] = 98
            return words

    made: Objective = Teller(video=torch.eye(9), text=torch.eye(9))
    return made


def test_right_words_are_counted(memory_clips: MakeClips, given: MakeObjective) -> None:
    clips = memory_clips(9, told(9))
    numbers = Captioning(clips=clips, batch_size=4)(teller(given, knows=True))
    assert numbers["caption/next-word"] == numbers["caption/words-told"] == 1
    assert numbers["caption/next-word/chance"] == pytest.approx(1 / 4)
    numbers = Captioning(clips=clips, batch_size=4)(teller(given, knows=False))
    assert numbers["caption/next-word"] == pytest.approx(3 / 4)
    assert numbers["caption/words-told"] == pytest.approx(2 / 3)
    assert (numbers["caption/clips"], numbers["caption/words"]) == (9, 9 * 4)
    assert numbers["caption/next-word/low"] < 3 / 4 < numbers["caption/next-word/high"]


def test_another_clips_picture_is_not_its_own(memory_clips: MakeClips, given: MakeObjective) -> None:
    assert "caption/next-word-other" not in Captioning(clips=memory_clips(1, told(1)))(teller(given, knows=True))


def test_what_cannot_be_measured_is_said(memory_clips: MakeClips, given: MakeObjective) -> None:
    with pytest.raises(EvaluationError, match="tells no captions"):
        Captioning(clips=memory_clips(9, told(9)))(given(video=torch.eye(9), text=torch.eye(9)))
    with pytest.raises(UsageError, match="captioning needs text"):
        Captioning(clips=memory_clips(9))(teller(given, knows=True))
    with pytest.raises(EvaluationError, match="no recording has a caption"):
        Captioning(clips=memory_clips(9, [[Caption("...", "en")]] * 9))(teller(given, knows=True))
