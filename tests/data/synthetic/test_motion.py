"""Trajectories: contacts touch, objects stay in the picture, silent ones hardly move."""

import numpy as np
import pytest

from mmssl.data.synthetic.motion.motion import Bar
from mmssl.data.synthetic.motion.placing import ACTING, BOUNCES, SILENT, SOUNDING, UNEVEN, place
from mmssl.data.synthetic.shapes import extent, reach
from mmssl.data.synthetic.world import KINDS

TIMES = np.linspace(0, 4, 401)


@pytest.mark.parametrize("name", [*SOUNDING, *SILENT, *ACTING, *UNEVEN])
def test_it_stays_in_the_picture(name: str) -> None:
    rng = np.random.default_rng(1)
    for kind in KINDS:
        radius = float(rng.uniform(0.1, 0.18))
        pose = place(name, rng, kind, radius, 4.0).pose(TIMES)
        left, top, right, bottom = (pose.scale * side for side in extent(kind, pose.angle))
        assert min((pose.x + radius * left).min(), (pose.y + radius * top).min()) > -0.02
        assert max((pose.x + radius * right).max(), (pose.y + radius * bottom).max()) < 1.02
        steps = np.hypot(np.diff(pose.x), np.diff(pose.y)) * 100
        assert steps.max() < (0.06 if name in SILENT else 6)


@pytest.mark.parametrize("name", ["bounce", "slide", "strike", "hop", "dribble"])
def test_it_touches_what_it_strikes_at_the_very_time(name: str) -> None:
    rng = np.random.default_rng(2)
    for kind in KINDS:
        motion = place(name, rng, kind, 0.14, 4.0)
        events = motion.events(0.0, 4.0)
        assert len(events) >= 2
        assert (np.diff(events) > 0.2 - 1e-9).all()
        at, before = motion.pose(events), motion.pose(events - 0.03)
        for i in range(len(events)):
            gaps = [_gap(kind, 0.14, motion.tilt, at.x[i], at.y[i], bar) for bar in motion.bars()]
            earlier = [_gap(kind, 0.14, motion.tilt, before.x[i], before.y[i], bar) for bar in motion.bars()]
            assert min(gaps) == pytest.approx(0, abs=0.003)
            assert min(earlier) > 0.001


def _gap(kind: str, radius: float, tilt: float, x: float, y: float, bar: Bar) -> float:
    """From the outermost point of the object towards a bar to the bar's face."""
    angle, width = bar.angle, bar.width
    normal = angle + np.pi / 2
    away = float((bar.x - x) * np.cos(normal) + (bar.y - y) * np.sin(normal))
    direction = normal if away > 0 else normal + np.pi
    return abs(away) - width / 2 - radius * reach(kind, tilt, direction)


@pytest.mark.parametrize("name", ["spin", "pulse", "orbit"])
def test_what_hums_is_loudest_at_phase_0(name: str) -> None:
    motion = place(name, np.random.default_rng(3), "star", 0.14, 4.0)
    beats = motion.delay + motion.period * np.array([1.0, 2.0])
    assert motion.loudness(beats) == pytest.approx(np.ones(2))
    assert motion.loudness(beats + motion.period / 2) == pytest.approx(np.full(2, 0.04))
    assert len(motion.events(0.0, 4.0)) == 0


@pytest.mark.parametrize("name", [*SOUNDING, *UNEVEN])
def test_the_period_is_the_period(name: str) -> None:
    motion = place(name, np.random.default_rng(4), "square", 0.14, 4.0)
    once, again = motion.phase(TIMES), motion.phase(TIMES + motion.period)
    apart = np.abs(once - again)
    assert np.minimum(apart, 1 - apart).max() < 1e-9
    for contact in motion.contacts:
        time = motion.delay + motion.moment(contact) * motion.period
        gap = abs(float(motion.phase(np.array([time + 1e-9]))[0]) - contact)
        assert min(gap, 1 - gap) < 1e-6


def test_what_is_dribbled_never_repeats_and_strikes_as_hard_as_it_fell() -> None:
    rng = np.random.default_rng(7)
    for kind in KINDS:
        motion = place("dribble", rng, kind, 0.14, 4.0)
        events = motion.events(-1.0, 5.0)
        gaps = np.diff(events)
        assert motion.period > 6.0
        assert BOUNCES[0] <= gaps.min() < gaps.max() <= BOUNCES[1]
        assert (motion.events(-1.0, 2.0).tolist() + motion.events(2.0, 5.0).tolist()) == events.tolist()
        heights = motion.pose(events[:1]).y - motion.pose(events[:-1] + gaps / 2).y
        force = motion.force(events)
        assert force[1:] / force[1] == pytest.approx(gaps / gaps[0])
        assert heights / heights[0] == pytest.approx((gaps / gaps[0]) ** 2)
    assert place("bounce", rng, "star", 0.14, 4.0).force(np.arange(3.0)).tolist() == [1.0, 1.0, 1.0]


@pytest.mark.parametrize("name", ACTING)
def test_an_action_is_done_once_and_ends_with_a_touch(name: str) -> None:
    rng = np.random.default_rng(6)
    for kind in KINDS:
        motion = place(name, rng, kind, 0.14, 4.0)
        phase, pose = motion.phase(TIMES), motion.pose(TIMES)
        assert (np.diff(phase) >= 0).all()
        assert (phase[0], phase[-1]) == (0.0, 1.0)
        assert (motion.loudness(TIMES) == 0.04 + 0.96 * phase).all()
        at = motion.pose(np.array([motion.delay + motion.period]))
        gaps = [_gap(kind, 0.14 * at.scale[0], at.angle[0], at.x[0], at.y[0], bar) for bar in motion.bars()]
        assert min(gaps) == pytest.approx(0, abs=0.003)
        # Every moment of it looks like no other.
        looks = np.stack([pose.x, pose.y, pose.angle / 10, pose.scale], 1)[(phase > 0) & (phase < 1)]
        assert np.linalg.norm(looks[:, None] - looks[None], axis=2)[np.triu_indices(len(looks), 1)].min() > 1e-4
    ends = {round(place(name, rng, "star", 0.14, 4.0).moment(0.35), 3) for _ in range(8)}
    assert max(ends) > min(ends) + 0.1


def test_two_clips_differ_in_speed_and_in_the_stages_of_their_action() -> None:
    rng = np.random.default_rng(5)
    hops = [place("hop", rng, "star", 0.14, 4.0) for _ in range(8)]
    assert max(hop.period for hop in hops) > 1.3 * min(hop.period for hop in hops)
    assert np.std([hop.moment(0.9) for hop in hops]) > 0.02
