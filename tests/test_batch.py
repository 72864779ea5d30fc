"""A batch says what it holds, refuses what it cannot, and moves as one thing."""

import pytest
import torch

from mmssl.batch import Batch


def batch() -> Batch:
    return Batch(
        video=torch.zeros(3, 2, 3, 4, 4, dtype=torch.uint8),
        audio=torch.arange(30.0).view(3, 10),
        text=torch.zeros(3, 2, 5, dtype=torch.long),
        text_valid=torch.tensor([[True, False], [False, False], [True, True]]),
        keys=("a", "b", "c"),
    )


def test_missing_attribute_says_its_name() -> None:
    with pytest.raises(AttributeError, match="group"):
        _ = batch().group
    assert "group" not in batch()
    assert "audio" in batch()


def test_length_modalities_and_repr() -> None:
    assert len(batch()) == 3
    assert batch().modalities == ("video", "audio", "text")
    assert Batch(text=batch().text).modalities == ("text",)
    assert "audio (3, 10) torch.float32" in repr(batch())
    assert dict(batch().tensors()).keys() == {"video", "audio", "text", "text_valid"}


def test_unknown_names_and_unequal_lengths_are_refused() -> None:
    with pytest.raises(TypeError, match="no vidoe; it has video, audio"):
        Batch(vidoe=torch.zeros(1))
    with pytest.raises(ValueError, match=r"one length, not .*'audio': 2"):
        Batch(audio=torch.zeros(2, 4), index=torch.zeros(3))
    with pytest.raises(ValueError, match="one length"):
        Batch(audio=torch.zeros(2, 4), keys=("a",))


def test_validity_is_one_bool_a_clip() -> None:
    assert batch().valid("text").tolist() == [True, False, True]
    assert batch().valid("audio").tolist() == [True, True, True]
    masked = Batch(audio=torch.zeros(2, 4), audio_valid=torch.tensor([True, False]))
    assert masked.valid("audio").tolist() == [True, False]


def test_slices_keep_everything() -> None:
    part = batch()[1:]
    assert len(part) == 2
    assert part.keys == ("b", "c")
    assert torch.equal(part.audio, batch().audio[1:])
    assert part.text_valid.shape == (2, 2)


def test_moves_as_one_thing() -> None:
    moved = batch().to("meta")
    assert {tensor.device.type for _, tensor in moved.tensors()} == {"meta"}
    assert moved.keys == ("a", "b", "c")


@pytest.mark.gpu
def test_moves_to_the_device_from_pinned_memory() -> None:
    moved = batch().pin_memory().to("cuda", non_blocking=True)
    assert torch.equal(moved.audio.cpu(), batch().audio)
