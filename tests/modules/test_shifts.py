"""True and shifted sound: the gap, one sub-frame phase, the same places for both, and nothing beyond the clip."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmssl.batch import Batch
from mmssl.errors import UsageError
from mmssl.modules.shifts import Shift, Stretch

RATE = 1000


def film(times: list[float], seconds: float, clips: int = 1) -> Batch:
    """Frame f is of brightness f, sample n is n."""
    frames = torch.arange(len(times), dtype=torch.uint8)
    shown = torch.tensor(times, dtype=torch.float64).expand(clips, -1)
    return Batch(
        video=frames[None, :, None, None, None].expand(clips, -1, 3, 2, 2),
        audio=torch.arange(round(seconds * RATE), dtype=torch.float32).expand(clips, -1),
        start=torch.full((clips,), 3.0, dtype=torch.float64),
        video_times=shown + 3.0,
        seed=torch.arange(clips) * 7919 + 13,
    )


def regular(clips: int = 1, seconds: float = 4.0, phase: float = 0.013) -> Batch:
    return film([n / 25 - phase for n in range(round(25 * seconds))], seconds, clips)


@settings(max_examples=60, deadline=None)
@given(
    steps=st.lists(st.floats(0.0, 0.2), min_size=10, max_size=40),
    share=st.floats(0.1, 0.5),
    gap=st.floats(0.0, 1.0),
    seed=st.integers(0, 2**40),
)
def test_shifted_sound_keeps_its_gap_inside_the_clip(steps: list[float], share: float, gap: float, seed: int) -> None:
    times = torch.tensor(steps, dtype=torch.float64).cumsum(0).tolist()
    seconds = max(times[-1] * 1.1, 0.5)
    batch = film(times, seconds)
    batch.seed[:] = seed
    stretch = Stretch(share * seconds, RATE)
    try:
        cut = stretch.drawn(batch, Shift(stretch.seconds + gap), 5)
    except UsageError:
        return
    for begin in (cut.own, cut.other):
        assert 0 < int(begin) < batch.audio.shape[1] - stretch.samples
    if bool(cut.shifted):
        assert abs(int(cut.own) - int(cut.other)) >= stretch.samples + (gap - 1e-3) * RATE - 2
    sound = stretch.sound(batch.audio, cut.own.unsqueeze(1))[0, 0]
    assert sound.tolist() == list(range(int(cut.own), int(cut.own) + stretch.samples)), "neither rolled nor padded"
    assert stretch.picture(batch, cut.frame)[0, 0, 0, 0, 0] == cut.frame[0]


def test_true_sound_begins_with_its_picture() -> None:
    batch, stretch = regular(64), Stretch(1.0, RATE)
    cut = stretch.drawn(batch, Shift(1.5), 5)
    shown = batch.video_times.gather(1, cut.frame.unsqueeze(1))[:, 0] - 3.0
    assert torch.equal(cut.own, (shown * RATE).round().long())
    assert stretch.frames(batch) == 25


def test_both_classes_have_one_sub_frame_phase_and_the_same_places() -> None:
    cut = Stretch(1.0, RATE).drawn(regular(6000), Shift(1.5), 5)
    assert cut.shifted.all()
    assert set((cut.own % 40).tolist()) == set((cut.other % 40).tolist()) == {27}
    bins = torch.arange(0.0, 3200.0, 400.0)
    own, other = (torch.histogram(begin.float(), bins).hist / 6000 for begin in (cut.own, cut.other))
    assert (own - other).abs().max() < 0.03


def test_overlapping_sound_is_another_but_shares_some() -> None:
    cut = Stretch(1.0, RATE).drawn(regular(200), Shift(0.04, 0.96), 5)
    away = (cut.own - cut.other).abs()
    assert away.min() >= 39
    assert away.max() <= 961


def test_a_clip_without_a_second_place_says_so() -> None:
    cut = Stretch(1.0, RATE).drawn(regular(4, seconds=2.0), Shift(1.5), 5)
    assert cut.keep.all()
    assert not cut.shifted.any()
    assert torch.equal(cut.own, cut.other)


def test_too_short_clips_are_refused() -> None:
    with pytest.raises(UsageError, match="ask the data for longer ones"):
        Stretch(4.0, RATE).drawn(regular(), Shift(1.0), 5)
    with pytest.raises(UsageError, match="ask for longer clips"):
        Stretch(3.99, RATE).drawn(regular(phase=0.05), Shift(1.0), 5)
