"""Retrieval by every caption beside a loop over captions, as the papers of such test sets count."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from mmssl.data.clips import Clips
from mmssl.data.recordings import Caption, Recording
from mmssl.evaluate.every_caption import Sentences, by_every_caption, said_of
from mmssl.evaluate.ranks import ExpectedTies
from mmssl.evaluate.retrieval import Retrieval
from mmssl.objective import Objective

MakeClips = Callable[..., Clips]
MakeObjective = Callable[..., Objective]


def test_beside_a_loop() -> None:
    """Uneven numbers of captions, a recording without one, one without a picture, a caption that two share."""
    generator = torch.Generator().manual_seed(0)
    owner = torch.tensor([0, 0, 0, 1, 3, 3, 4, 4, 4, 4, 5])
    texts = ("a", "b", "c", "d", "e", "b", "f", "g", "h", "i", "j")
    said = Sentences(torch.randn(len(owner), 6, generator=generator), texts, owner)
    films, valid = torch.randn(6, 6, generator=generator), torch.tensor([True, True, True, True, True, False])
    numbers = by_every_caption(said, "video", films, valid, (1, 2), ExpectedTies(), 8)
    scores = torch.nn.functional.cosine_similarity(said.embeddings[:10, None], films[None], dim=2).numpy()
    theirs = {row: {texts[c] for c in range(10) if owner[c] == row} for row in (0, 1, 3, 4)}
    forth = []
    for column in range(10):
        right = [row for row in theirs if texts[column] in theirs[row]]
        best = max(scores[column, row] for row in right)
        forth.append(1 + sum(scores[column, row] > best for row in theirs if row not in right))
    back = []
    for row in theirs:
        best = max(scores[column, row] for column in range(10) if texts[column] in theirs[row])
        back.append(1 + sum(scores[column, row] > best for column in range(10) if texts[column] not in theirs[row]))
    for name, ranks in (("captions-video", forth), ("video-captions", back)):
        for k in (1, 2):
            assert numbers[f"retrieval/{name}/R@{k}"] == pytest.approx(np.mean(np.array(ranks) <= k))
        assert numbers[f"retrieval/{name}/MedR"] == pytest.approx(np.median(ranks))
        assert numbers[f"retrieval/{name}/MeanR"] == pytest.approx(np.mean(ranks))
        assert numbers[f"retrieval/{name}/R@1/low"] <= numbers[f"retrieval/{name}/R@1"]
        assert numbers[f"retrieval/{name}/coverage"] == 4 / 8
    assert (numbers["retrieval/captions-video/queries"], numbers["retrieval/captions-video/gallery"]) == (10, 4)
    assert (numbers["retrieval/video-captions/queries"], numbers["retrieval/video-captions/gallery"]) == (4, 10)
    # "b" is said of two of four films, the other eight captions of one.
    assert numbers["retrieval/captions-video/R@1/chance"] == pytest.approx((8 / 4 + 2 * 2 / 4) / 10)


def test_of_one_caption_a_film_nothing_is_said_twice(memory_clips: MakeClips, given: MakeObjective) -> None:
    objective = given(video=torch.eye(8)[:3], audio=torch.eye(8)[:3], text=torch.eye(8))
    single = [[Caption("dog", "en"), Caption("hund", "de")], [Caption("cat", "en")], []]
    assert not any("captions" in name for name in Retrieval(clips=memory_clips(3, single))(objective))
    several = [[*single[0], Caption("a hound", "en")], *single[1:]]
    numbers = Retrieval(clips=memory_clips(3, several))(objective)
    assert numbers["retrieval/captions-video/queries"] == 4
    assert numbers["retrieval/audio-captions/queries"] == 2
    german = Retrieval(clips=replace(memory_clips(3, several), language="de"))(objective)
    assert not any("captions" in name for name in german)


def test_which_captions_are_asked() -> None:
    told = (Caption("a dog", "en"), Caption("a hound", "en"), Caption("hund", "de"), Caption("here", "en", 1.0, 2.0))
    recordings = [Recording("a", "mp4", captions=told), Recording("b", "mp4")]
    texts, owner = said_of(recordings, "en")
    assert texts == ("a dog", "a hound")
    assert owner.tolist() == [0, 0]
    assert said_of(recordings, "")[0] == ("a dog", "a hound", "hund")
    assert said_of(recordings, "de")[0] == ()
