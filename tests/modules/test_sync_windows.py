"""Windows of picture and sound: their times, the gap of negatives, what is masked, one sub-frame phase for both."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from mmssl.batch import Batch
from mmssl.errors import UsageError
from mmssl.modules.sync_windows import SyncWindows, distances

RATE = 1000


def film(times: Tensor, seconds: float, start: float = 7.0) -> Batch:
    """Frames at `[B, T]` seconds of the clip, and sound whose sample n is n."""
    clips, frames = times.shape
    return Batch(
        video=torch.zeros(clips, frames, 3, 4, 4, dtype=torch.uint8),
        audio=torch.arange(round(seconds * RATE), dtype=torch.float32).expand(clips, -1),
        start=torch.full((clips,), start, dtype=torch.float64),
        video_times=times + start,
        seed=torch.arange(clips),
    )


def regular(seconds: float = 2.0, phase: float = 0.013) -> Batch:
    return film(torch.arange(round(25 * seconds), dtype=torch.float64).unsqueeze(0) / 25 - phase, seconds)


def test_sound_begins_when_the_first_frame_of_its_window_is_shown() -> None:
    batch, windows = regular(), SyncWindows(0.2, RATE)
    at = windows.instants(batch, 46)  # 50 frames, windows of 5
    sounds = windows.sounds(batch.audio, at.begin)
    for w in torch.where(at.usable[0])[0].tolist():
        shown = float(batch.video_times[0, w] - batch.start[0])
        assert sounds[0, w, 0] == pytest.approx(shown * RATE, abs=0.5)
        assert sounds[0, w, -1] == sounds[0, w, 0] + 199
    assert not at.usable[0, 0], "its sound would begin 13 ms before the clip"
    assert at.usable[0, 1:].all()


def test_windows_that_leave_the_sound_are_left_out() -> None:
    at = SyncWindows(0.6, RATE).instants(regular(), 46)
    inside = (at.middle - 0.3 > 0) & (at.middle + 0.3 < 2.0)
    assert torch.equal(at.usable, inside)
    assert 0 < int(inside.sum()) < 46


def test_too_short_sound_is_refused() -> None:
    batch, windows = regular(), SyncWindows(3.0, RATE)
    with pytest.raises(UsageError, match="do not fit into clips of 2 s"):
        windows.sounds(batch.audio, windows.instants(batch, 46).begin)


@settings(max_examples=60, deadline=None)
@given(
    steps=st.lists(st.floats(0.0, 0.12), min_size=8, max_size=40),
    seconds=st.floats(0.05, 0.3),
    gap=st.floats(0.0, 0.5),
    farthest=st.floats(0.3, 1.5),
)
def test_negatives_keep_their_gap(steps: list[float], seconds: float, gap: float, farthest: float) -> None:
    times = torch.tensor([steps], dtype=torch.float64).cumsum(1)  # frames may come at any time, or twice
    windows, nearest = SyncWindows(seconds, RATE), seconds + gap
    batch = film(times, max(float(times[0, -1]), 0.4))
    at = windows.instants(batch, len(steps) - 2)
    apart = at.apart(nearest, farthest)
    assert torch.equal(apart, apart.transpose(1, 2)), "both classes hold the same sounds equally often"
    for w, v in apart[0].nonzero().tolist():
        between = abs(float(at.middle[0, w] - at.middle[0, v]))
        assert nearest - 1.1e-3 <= between <= farthest + 1.1e-3
        first, second = sorted((int(at.begin[0, w]), int(at.begin[0, v])))
        assert second >= first + windows.samples + round(gap * RATE) - 3, "they overlap"
        assert first > 0
        assert second + windows.samples < batch.audio.shape[1]


def test_both_classes_have_one_sub_frame_phase() -> None:
    windows, batch = SyncWindows(0.2, RATE), regular(phase=0.0313)
    at = windows.instants(batch, 46)
    rows, columns = at.apart(0.2, 2.0)[0].nonzero(as_tuple=True)
    phase = at.begin[0] % 40
    assert set(phase[rows].tolist()) == set(phase[columns].tolist()) == {round((0.04 - 0.0313) * RATE)}


def test_shifts_are_of_sound_that_comes_later_and_are_masked_at_the_ends() -> None:
    at = SyncWindows(0.2, RATE).instants(regular(), 46)
    table = torch.arange(46.0) - torch.arange(46.0).unsqueeze(1)  # of picture w and sound v: v - w
    track = at.at_shifts(table.unsqueeze(0), 0.04, 5)
    assert track.shape == (1, 46, 11)
    for w in range(46):
        for k in range(-5, 6):
            inside = 1 <= w + k < 46 and w > 0
            assert track[0, w, k + 5] == k if inside else track[0, w, k + 5].isnan()


def test_shifts_of_frames_at_odd_times_go_to_the_nearest() -> None:
    times = torch.tensor([[0.3, 0.34, 0.38, 0.5, 0.54, 0.55]], dtype=torch.float64)
    at = SyncWindows(0.1, RATE).instants(film(times, 1.0), 6)
    track = at.at_shifts(torch.arange(6.0).expand(1, 6, 6), 0.04, 2)
    assert track[0, 0].isnan().tolist() == [True, True, False, False, False]
    assert track[0, 3, 2:4].tolist() == [3, 4]
    assert track[0, 2].isnan().tolist() == [False, False, False, True, True]


def test_distances_are_euclidean_with_a_gradient_where_they_meet() -> None:
    one, other = torch.randn(2, 5, 7), torch.randn(2, 4, 7)
    torch.testing.assert_close(distances(one, other), torch.cdist(one, other))
    same = torch.zeros(1, 3, requires_grad=True)
    torch.autograd.backward(distances(same, same.detach()).sum())
    assert same.grad is not None
    assert same.grad.isfinite().all()
