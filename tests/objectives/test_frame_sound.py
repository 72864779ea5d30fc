"""Sound around frames: where it is cut, that both classes are cut alike, and whose sound a false pair gets."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from mmssl.batch import Batch
from mmssl.errors import UsageError
from mmssl.modules.frame_sound import SoundWindow, correspondence_loss, others

WINDOW = SoundWindow(1.0, 1000)


def ramps(clips: int, frames: int = 12, seed: int = 0, clock: float = 25.0) -> Batch:
    """Sound whose samples say their own second; frames that say their number, shown on a grid with its own offset."""
    generator = torch.Generator().manual_seed(seed)
    start = torch.rand(clips, 1, generator=generator).double() * 10
    offset = torch.rand(clips, 1, generator=generator).double() / clock
    wanted = start + (torch.arange(frames) + 0.5) * 2 / frames
    times = ((wanted - offset) * clock).floor() / clock + offset
    return Batch(
        video=torch.arange(frames, dtype=torch.uint8).view(1, -1, 1, 1, 1).expand(clips, -1, 3, 1, 1),
        audio=start + torch.arange(2000) / 1000,
        start=start.squeeze(1),
        video_times=times,
        group=torch.arange(clips),
        seed=torch.randint(0, 2**60, (clips,), generator=generator),
    )


def test_sound_is_centered_on_the_frame_and_within_the_clip() -> None:
    batch = ramps(400)
    drawn = WINDOW.drawn(batch)
    assert drawn.sound.shape == (400, 1000)
    assert drawn.keep.all()
    number = drawn.image[:, 0, 0, 0, 0].long()
    time = batch.video_times[torch.arange(400), number]
    center = drawn.sound.mean(1) + 0.0005  # the middle of 1000 samples is half a sample after their mean time
    assert ((center - time).abs() <= 0.00051).all()
    assert (drawn.sound.diff(dim=1) > 0).all(), "neither padded nor rolled"
    middle = WINDOW.middle(batch)
    assert ((middle.sound.mean(1) - batch.start - 1).abs() < 0.13).all()


def test_any_frame_that_fits_has_the_same_chance() -> None:
    batch = ramps(1)
    times = (batch.video_times - batch.start.unsqueeze(1))[0]
    fitting = [i for i, time in enumerate(times.tolist()) if 0.5 <= time <= 1.5]
    repeated = {name: tensor.expand(4000, *tensor.shape[1:]) for name, tensor in batch.tensors()}
    many = Batch(keys=None, **{**repeated, "seed": torch.arange(4000)})
    counts = WINDOW.drawn(many).image[:, 0, 0, 0, 0].long().bincount(minlength=12)
    assert counts[fitting].min() > 4000 / len(fitting) * 0.85
    assert counts.sum() == counts[fitting].sum()


def test_clips_that_are_too_short_are_refused() -> None:
    batch = ramps(3)
    with pytest.raises(
        UsageError, match=r"no frame has 2\.5 s of sound .* clips of 2 s: ask the data for more seconds"
    ):
        SoundWindow(2.5, 1000).drawn(batch)
    late = Batch(
        keys=None, **{**dict(batch.tensors()), "video_times": batch.video_times + torch.tensor([[9.0], [0.0], [0.0]])}
    )
    assert WINDOW.drawn(late).keep.tolist() == [False, True, True]


def largest_gap(a: Tensor, b: Tensor) -> float:
    """The Kolmogorov-Smirnov statistic of two samples of numbers."""
    points = torch.cat([a, b])
    below = [torch.searchsorted(each.sort().values, points, right=True) / len(each) for each in (a, b)]
    return (below[0] - below[1]).abs().max().item()


def test_sub_frame_phase_is_the_same_for_both_classes() -> None:
    own, other = [], []
    for seed in range(8):
        batch = ramps(512, seed=seed)
        drawn = WINDOW.drawn(batch)
        clips = torch.arange(512.0).unsqueeze(1)
        chosen, keep = others(batch, torch.cat([drawn.sound, clips], 1), drawn.keep)
        assert keep.all()
        assert not (chosen[:, -1:] == clips).any()
        centers = drawn.sound.mean(1), chosen[:, :-1].double().mean(1)
        # What a network could read off the spectrogram: how far the middle is from a picture of its own recording,
        for center, clip in zip(centers, (clips, chosen[:, -1:]), strict=True):
            times = batch.video_times[clip.squeeze(1).long()]
            assert ((center.unsqueeze(1) - times).abs().amin(1) < 0.0011).all(), (
                "each sound is cut at one of its frames"
            )
        # and where it is on a clock that all recordings share.
        own.append(centers[0] * 25 % 1)
        other.append(centers[1] * 25 % 1)
    critical = 1.63 * math.sqrt(2 / (8 * 512))  # one in a hundred by chance
    assert largest_gap(torch.cat(own), torch.cat(other)) < critical
    assert largest_gap(torch.cat(own), torch.cat(other) + 0.2) > critical, "the test has teeth"


def test_other_sound_is_another_groups_usable_and_any_of_them() -> None:
    batch = ramps(6)
    batch.group[:] = torch.tensor([0, 0, 1, 2, 3, 3])
    usable = torch.tensor([True, True, True, False, True, True])
    allowed = (batch.group.unsqueeze(1) != batch.group) & usable
    counts = torch.zeros(6, 6)
    for draw in range(600):
        chosen = Batch(keys=None, **{**dict(batch.tensors()), "seed": torch.arange(6) + 1000 * draw})
        number, keep = others(chosen, torch.arange(6.0).unsqueeze(1), usable)
        assert torch.equal(keep, usable)
        counts[torch.arange(6), number.squeeze(1).long()] += 1
    assert (counts[~allowed] == 0).all()
    assert (counts[allowed] > 0.75 * (600 / allowed.sum(1, keepdim=True)).expand(6, 6)[allowed]).all()


def test_one_group_alone_has_no_other() -> None:
    batch = ramps(3)
    batch.group[:] = 7
    assert not others(batch, torch.zeros(3, 1), torch.ones(3, dtype=torch.bool))[1].any()


def test_loss_is_the_two_way_cross_entropy() -> None:
    logits = torch.randn(2, 6, 2)
    odds = logits[..., 1] - logits[..., 0]
    keep = torch.tensor([True, False, True, True, False, True])
    labels = torch.tensor([1, 0]).view(2, 1).expand(2, 6)
    expected = functional.cross_entropy(logits[:, keep].flatten(0, 1), labels[:, keep].flatten())
    loss, terms = correspondence_loss(odds[0], odds[1], keep)
    torch.testing.assert_close(loss, expected)
    right = (logits.argmax(2) == labels)[:, keep].float().mean()
    torch.testing.assert_close(terms["accuracy"], right)
    assert correspondence_loss(torch.zeros(6), torch.zeros(6), keep)[0].item() == pytest.approx(math.log(2))


def test_pieces_are_whole_and_around_the_middle(sample: Callable[..., Batch]) -> None:
    audio = torch.arange(2500.0).unsqueeze(0)
    pieces = WINDOW.pieces(audio)
    assert pieces.shape == (1, 2, 1000)
    assert pieces[0, 0, 0] == 250
    assert pieces[0, 1, -1] == 2249
    assert WINDOW.pieces(audio[:, :700]).shape == (1, 1, 700)
