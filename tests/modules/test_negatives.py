"""Who may be whose negative."""

import pytest
import torch

from mmssl.batch import Batch
from mmssl.modules.negatives import (
    apart,
    caption_keys,
    caption_numbers,
    clips_and_groups,
    group_keys,
    other_recording,
    related,
    text_valid,
)


def test_captions_are_the_same_when_all_tokens_are() -> None:
    text = torch.tensor([[[1, 2, -1], [3, 4, 5]], [[1, 2, 2], [1, 2, -1]], [[4, 3, 5], [2, 1, -1]]])
    numbers = caption_numbers(text)
    assert numbers[0, 0] == numbers[1, 1]
    assert len(set(numbers.flatten().tolist())) == 5
    assert torch.equal(caption_numbers(text[1:]), numbers[1:]), "whatever else is in the batch"
    longer = torch.cat([text, torch.full((3, 2, 4), -1)], 2)
    assert torch.equal(caption_numbers(longer), numbers), "however much padding"
    assert len(set(caption_numbers(torch.tensor([[[0, -1], [-1, -1]]])).flatten().tolist())) == 2


def test_a_clip_is_related_to_its_group_and_to_captions_that_repeat_its_own() -> None:
    text = torch.tensor([[[1, 2], [3, 4]], [[1, 5], [1, 2]], [[3, 4], [9, 9]], [[7, 7], [8, 8]]])
    valid = torch.ones(4, 2, dtype=torch.bool)
    batch = Batch(text=text, text_valid=valid, group=torch.tensor([5, 6, 7, 6]))
    clips, captions = caption_keys(batch, group_keys(batch))
    expected = [
        [True, True, False, True, True, False, False, False],
        [True, False, True, True, False, False, True, True],
        [False, True, False, False, True, True, False, False],
        [False, False, True, True, False, False, True, True],
    ]
    shared = related(clips, captions.flatten(0, 1))
    assert shared is not None
    assert shared.tolist() == expected
    valid[0, 0] = False
    shared = related(caption_keys(batch, group_keys(batch))[0], captions.flatten(0, 1))
    assert shared is not None
    assert not shared[0, 3], "a caption that is not there repeats nothing"


def test_no_key_shared_is_no_mask() -> None:
    assert related(torch.tensor([[1], [2]]), torch.tensor([[3], [4]])) is None


@pytest.mark.parametrize("home", [True, False])
def test_apart_is_no_relation_but_a_clips_own(home: bool) -> None:
    found = set()
    for seed in range(60):
        keys = torch.randint(1000, (13, 4), generator=torch.Generator().manual_seed(seed))
        rows, columns = keys[:, :2], keys[:, 2:].unsqueeze(1).expand(-1, 3, 2)
        if home:
            columns = torch.cat([columns, rows[:, :1, None].expand(-1, 3, 1)], 2)
        shared = related(rows, columns.flatten(0, 1))
        if shared is not None and home:
            shared &= torch.eye(13).repeat_interleave(3, 1) == 0
        expected = shared is None or not shared.any()
        assert apart(rows, columns, home=home) == expected
        found.add(expected)
    assert found == {True, False}


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
