import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmssl.data.recordings import Caption
from mmssl.data.window import AroundCaption, At, CenterWindow, EvenWindows, RandomWindow, Stretch, Window
from mmssl.errors import UsageError

NARRATED = (Caption("b", "en", 7.0, 9.0), Caption("c", "de", 4.0, 4.5), Caption("all of it", "en"))
RULES: list[Window] = [RandomWindow(), CenterWindow(), EvenWindows(3), AroundCaption(jitter=3.0)]


@pytest.mark.parametrize("rule", RULES, ids=str)
@given(
    begin=st.floats(0, 100), length=st.floats(0.1, 100), seconds=st.floats(0.1, 10), seed=st.integers(-(2**63), 2**63)
)
def test_a_clip_stays_inside(rule: Window, begin: float, length: float, seconds: float, seed: int) -> None:
    stretch = Stretch(begin, begin + length, NARRATED)
    for number in range(rule.count):
        start = rule.place(stretch, seconds, seed, number)
        if start is None:
            assert stretch.end - begin < 0.95 * seconds + 1e-9
        else:
            assert start == rule.place(stretch, seconds, seed, number)
            assert start >= begin
            assert start + seconds <= max(stretch.end, begin + seconds) + 1e-9


def test_random_starts_cover_the_room_evenly() -> None:
    starts = [RandomWindow().place(Stretch(1.0, 5.0), 2.0, seed, 0) or 0 for seed in range(2000)]
    assert 1.0 <= min(starts) < 1.01
    assert 2.99 < max(starts) < 3.0
    assert abs(sum(starts) / 2000 - 2.0) < 0.05


def test_even_windows_reach_both_ends() -> None:
    stretch = Stretch(1.0, 11.0)
    assert [EvenWindows(5).place(stretch, 2.0, 0, number) for number in range(5)] == [1.0, 3.0, 5.0, 7.0, 9.0]
    assert EvenWindows(1).place(stretch, 2.0, 0, 0) == 5.0
    with pytest.raises(UsageError, match="at least one"):
        EvenWindows(0)


def test_given_times_are_kept_or_refused() -> None:
    rule = At((0.5, 2.0, 3.05, 3.5))
    assert [rule.place(Stretch(0.0, 5.0), 2.0, 0, number) for number in range(4)] == [0.5, 2.0, 3.05, None]
    assert At((0.0,)).place(Stretch(0.5, 5.0), 2.0, 0, 0) is None


def test_the_missing_end_of_a_clip_may_be_small() -> None:
    assert CenterWindow().place(Stretch(0.02, 1.97), 2.0, 0, 0) == 0.02
    assert CenterWindow().place(Stretch(0.0, 1.8), 2.0, 0, 0) is None
    assert CenterWindow(least=0.25).place(Stretch(0.0, 0.6), 2.0, 0, 0) == 0.0
    assert CenterWindow(least=0.0).place(Stretch(3.0, 2.0), 2.0, 0, 0) is None


def test_around_captions() -> None:
    starts = {AroundCaption().place(Stretch(0.0, 20.0, NARRATED), 2.0, seed, 0) for seed in range(20)}
    assert starts == {7.0, 3.25}
    assert AroundCaption(language="en").place(Stretch(0.0, 20.0, NARRATED), 2.0, 0, 0) == 7.0
    assert AroundCaption(language="en").place(Stretch(0.0, 8.5, NARRATED), 2.0, 0, 0) == 6.5
    plain = Stretch(0.0, 20.0, NARRATED[2:])
    assert AroundCaption().place(plain, 2.0, 3, 0) == RandomWindow().place(plain, 2.0, 3, 0)


def test_evaluation_does_not_look_at_the_seed() -> None:
    for rule in RULES:
        settled = rule.settled()
        places = {settled.place(Stretch(0.0, 9.0, NARRATED), 2.0, seed, 0) for seed in range(5)}
        assert len(places) == 1
