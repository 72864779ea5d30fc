"""Retrieval of an objective whose embeddings are known."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from mmssl.data.clips import Clips
from mmssl.data.recordings import Caption, Recording
from mmssl.errors import EvaluationError, UsageError
from mmssl.evaluate.held_out import middle
from mmssl.evaluate.retrieval import Retrieval, answers
from mmssl.evaluate.vectors import embed_held_out
from mmssl.objective import Objective

MakeClips = Callable[..., Clips]
MakeObjective = Callable[..., Objective]


def random(seed: int, count: int = 40) -> Tensor:
    return torch.randn(count, 8, generator=torch.Generator().manual_seed(seed))


def test_perfect_and_its_interval(memory_clips: MakeClips, given: MakeObjective) -> None:
    numbers = Retrieval(clips=memory_clips(20), batch_size=7)(given(video=torch.eye(20), audio=torch.eye(20)))
    for pair in ("video-audio", "audio-video"):
        assert numbers[f"retrieval/{pair}/R@1"] == numbers[f"retrieval/{pair}/R@1/low"] == 1
        assert numbers[f"retrieval/{pair}/R@1/chance"] == pytest.approx(0.05)
        assert numbers[f"retrieval/{pair}/MedR"] == 1
        assert numbers[f"retrieval/{pair}/MeanR/chance"] == 10.5
        assert numbers[f"retrieval/{pair}/gallery"] == 20
    assert numbers["retrieval/left-out"] == 0


def test_collapsed_is_chance_and_random_is_near(memory_clips: MakeClips, given: MakeObjective) -> None:
    clips = memory_clips(40)
    collapsed = Retrieval(clips=clips)(given(video=torch.ones(40, 3), audio=torch.ones(40, 3)))
    assert collapsed["retrieval/audio-video/R@10"] == pytest.approx(0.25)
    assert collapsed["retrieval/audio-video/MeanR"] == 20.5
    drawn = Retrieval(clips=clips)(given(video=random(0), audio=random(1)))
    assert drawn["retrieval/audio-video/R@10/low"] <= 0.25 <= drawn["retrieval/audio-video/R@10/high"]


def test_a_limit_is_the_gallery(memory_clips: MakeClips, given: MakeObjective) -> None:
    objective = given(video=torch.eye(20), audio=torch.eye(20))
    assert Retrieval(clips=memory_clips(20), limit=9, batch_size=4)(objective)["retrieval/audio-video/gallery"] == 9


def test_broken_embeddings_raise(memory_clips: MakeClips, given: MakeObjective) -> None:
    for damage, said in ((torch.nan, "hold NaN or Inf"), (-torch.inf, "hold NaN or Inf"), (0.0, "are zero")):
        broken = torch.eye(6)
        broken[2] = damage
        with pytest.raises(EvaluationError, match=rf"retrieval: audio: 1 of 6 embeddings {said} \(such as clip002\)"):
            Retrieval(clips=memory_clips(6))(given(video=torch.eye(6), audio=broken))


def test_incomparable_and_single_modalities_are_refused(memory_clips: MakeClips, given: MakeObjective) -> None:
    objective = given(video=torch.eye(3), audio=torch.eye(3))
    with pytest.raises(UsageError, match="two modalities"):
        Retrieval(clips=memory_clips(3, sample_rate=0))(objective)
    objective.comparable = False
    with pytest.raises(UsageError, match="Given does not put its modalities into one space"):
        Retrieval(clips=memory_clips(3))(objective)


def test_identical_captions_are_right_answers(memory_clips: MakeClips, given: MakeObjective) -> None:
    # Recordings 0 and 1 are "dog"; text 0 is nearest to video 1, text 1 to video 0.
    captions = [[Caption("dog")], [Caption("dog")], [Caption("cat")]]
    text = torch.eye(3)[[1, 0, 2]]
    numbers = Retrieval(clips=memory_clips(3, captions))(given(video=torch.eye(3), audio=torch.eye(3), text=text))
    assert numbers["retrieval/text-video/R@1"] == numbers["retrieval/video-text/R@1"] == 1
    assert numbers["retrieval/text-video/R@1/chance"] == pytest.approx((2 / 3 + 2 / 3 + 1 / 3) / 3)
    assert numbers["retrieval/audio-video/R@1/chance"] == pytest.approx(1 / 3)


def test_words_of_any_caption_of_a_recording_count(memory_clips: MakeClips, given: MakeObjective) -> None:
    # The loader draws one caption a recording; "dog" is said of recording 1 too, whichever it drew there.
    captions = [[Caption("dog")], [Caption("hound"), Caption("dog")], [Caption("cat")]]
    held = embed_held_out(
        given(video=torch.eye(3), audio=torch.eye(3), text=torch.eye(4, 3)), middle(memory_clips(3, captions))
    )
    rows = torch.arange(3)
    drawn = held.vectors["text"].captions[1] == "dog"
    found = answers(held, "text", "video", rows)(slice(0, 3)).tolist()
    assert found == [[True, True, False], [drawn, True, False], [False, False, True]]
    found = answers(held, "video", "text", rows)(slice(1, 3)).tolist()
    assert found == [[True, True, False], [False, False, True]]


@pytest.mark.fault("M12")
def test_missing_modalities_leave_both_sides(memory_clips: MakeClips, given: MakeObjective) -> None:
    captions = [[Caption("dog")], [], [Caption("cat")]]
    objective = given(video=torch.eye(3), audio=torch.eye(3), text=torch.eye(3))
    numbers = Retrieval(clips=memory_clips(3, captions))(objective)
    assert numbers["retrieval/text-video/gallery"] == numbers["retrieval/video-text/gallery"] == 2
    assert numbers["retrieval/audio-video/gallery"] == 3


def test_a_pair_that_no_recording_has_is_an_empty_gallery(memory_clips: MakeClips, given: MakeObjective) -> None:
    objective = given(video=torch.eye(3), audio=torch.eye(3), text=torch.eye(3))
    unsaid = replace(memory_clips(3, [[Caption("dog", "en")], [], []]), language="de")
    numbers = Retrieval(clips=unsaid)(objective)
    assert numbers["retrieval/text-video/gallery"] == 0
    assert "retrieval/text-video/R@1" not in numbers
    assert numbers["retrieval/audio-video/R@1"] == 1


def test_languages_are_told_apart(memory_clips: MakeClips, given: MakeObjective) -> None:
    captions = [[Caption("dog", "en"), Caption("hund", "de")], [Caption("cat", "en"), Caption("katze", "de")]]
    clips = memory_clips(2, captions)
    objective = given(video=torch.eye(8)[:2], audio=torch.eye(8)[:2], text=torch.eye(8))
    names = {name.split("/")[1] for name in Retrieval(clips=clips)(objective) if name.count("/") > 1}
    assert {"text.en-video", "audio-text.de", "text-video", "text.average-video", "audio-text.average_but_en"} <= names
    assert not any(name.count("text") > 1 for name in names)
    alone = Retrieval(clips=replace(clips, language="de"))(objective)
    assert not any("text." in name for name in alone)


def test_ndcg_by_label(memory_clips: MakeClips, given: MakeObjective) -> None:
    listed = [Recording(f"{number}", "mp4", label="ab"[number % 2]) for number in range(8)]
    by_label = torch.eye(2)[torch.arange(8) % 2]
    numbers = Retrieval(clips=memory_clips(8, listed=listed))(given(video=by_label, audio=by_label))
    assert numbers["retrieval/audio-video/nDCG@30"] == pytest.approx(1)
    assert numbers["retrieval/audio-video/nDCG@30/chance"] < 0.9
    assert numbers["retrieval/audio-video/R@1"] == pytest.approx(0.25)
