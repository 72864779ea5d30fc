"""Who may be whose negative."""

import torch

from mmssl.batch import Batch
from mmssl.modules.negatives import (
    caption_numbers,
    clips_and_groups,
    other_recording,
    related,
    same_caption,
    text_valid,
)


def test_captions_are_the_same_when_all_tokens_are() -> None:
    text = torch.tensor([[[1, 2, -1], [3, 4, 5]], [[1, 2, 2], [1, 2, -1]], [[3, 4, 5], [9, 9, 9]]])
    valid = torch.ones(3, 2, dtype=torch.bool)
    numbers = caption_numbers(text)
    assert numbers[0, 0] == numbers[1, 1] != numbers[1, 0]
    assert numbers[0, 1] == numbers[2, 0]
    # Clips by all captions: clip 0 repeats its own two, the second of clip 1 and the first of clip 2.
    assert same_caption(numbers, valid).tolist() == [
        [True, True, False, True, True, False],
        [True, False, True, True, False, False],
        [False, True, False, False, True, True],
    ]
    valid[0, 0] = False
    assert not same_caption(numbers, valid)[0, 3], "a caption that is not there repeats nothing"


def test_related_are_groups_and_whatever_is_added() -> None:
    groups, others = torch.tensor([1, 2]), torch.tensor([1, 2, 2])
    assert related(groups, others).tolist() == [[True, False, False], [False, True, True]]
    more = torch.tensor([[False, True, False], [False, False, False]])
    assert related(groups, others, more).tolist() == [[True, True, False], [False, True, True]]


def test_other_recording_depends_on_the_clips_own_seed_alone() -> None:
    groups, usable = torch.arange(10), torch.ones(10, dtype=torch.bool)
    seeds = torch.arange(10) * 77
    number, found = other_recording(seeds, 3, groups, groups, usable)
    assert found.all()
    assert (number != groups).all()
    half, _ = other_recording(seeds[5:], 3, groups[5:], groups, usable)
    assert torch.equal(half, number[5:])
    assert not torch.equal(other_recording(seeds, 4, groups, groups, usable)[0], number)


def test_without_groups_each_clip_is_its_own() -> None:
    clip, group = clips_and_groups(Batch(audio=torch.zeros(3, 4)))
    assert clip.tolist() == group.tolist() == [0, 1, 2]
    _, given = clips_and_groups(Batch(audio=torch.zeros(2, 4), group=torch.tensor([8, 8])))
    assert given.tolist() == [8, 8]


def test_captions_are_all_there_unless_said() -> None:
    text = torch.zeros(2, 3, 4, dtype=torch.long)
    assert text_valid(Batch(text=text)).all()
    assert text_valid(Batch(text=text)).shape == (2, 3)
    mask = torch.tensor([[True, False, True], [False, False, False]])
    assert torch.equal(text_valid(Batch(text=text, text_valid=mask)), mask)
