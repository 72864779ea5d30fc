"""Motions that sound by contact: bounce, slide, strike, hop."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mmssl.data.synthetic.motion.motion import Bar, Motion, Pose, Times

THICKNESS = 0.03  # of bars


@dataclass(frozen=True, kw_only=True)
class Bounce(Motion):
    """Free fall and elastic bounce off a floor while drifting sideways; contact at phase 0."""

    x: float  # at second 0
    floor: float  # height of the center at contact
    height: float
    speed: float  # sideways, a second
    below: float  # of the floor, below the center at contact
    left: float  # where the floor begins and ends
    right: float
    name: ClassVar[str] = "bounce"
    contacts: ClassVar[tuple[float, ...]] = (0.0,)

    def pose(self, times: Times) -> Pose:
        """A parabola a cycle."""
        turn = self.turn(times)
        y = self.floor - self.height * 4 * turn * (1 - turn)
        return Pose(self.x + self.speed * times, y, np.full_like(times, self.tilt), np.ones_like(times))

    def bars(self) -> tuple[Bar, ...]:
        """The floor."""
        middle = (self.left + self.right) / 2
        y = self.floor + self.below + THICKNESS / 2
        return (Bar(middle, y, self.right - self.left, THICKNESS, 0.0),)


@dataclass(frozen=True, kw_only=True)
class Slide(Motion):
    """Back and forth at constant speed between two walls; contact at phases 0 (left) and 0.5 (right)."""

    left: float  # of the center, at contact
    right: float
    y: float
    beyond_left: float  # from the center at contact to the wall
    beyond_right: float
    wall: float  # length
    name: ClassVar[str] = "slide"
    contacts: ClassVar[tuple[float, ...]] = (0.0, 0.5)

    def pose(self, times: Times) -> Pose:
        """A triangle wave."""
        way = 1 - np.abs(1 - 2 * self.turn(times))
        x = self.left + (self.right - self.left) * way
        return Pose(x, np.full_like(times, self.y), np.full_like(times, self.tilt), np.ones_like(times))

    def bars(self) -> tuple[Bar, ...]:
        """Both walls."""
        first = self.left - self.beyond_left - THICKNESS / 2
        last = self.right + self.beyond_right + THICKNESS / 2
        return tuple(Bar(x, self.y, self.wall, THICKNESS, np.pi / 2) for x in (first, last))


@dataclass(frozen=True, kw_only=True)
class Staged(Motion):
    """A cycle of stages whose shares of the time differ from clip to clip, but not the phases at which they end."""

    ends: tuple[float, ...]  # share of the cycle's time at which each stage but the last ends, ascending
    stages: ClassVar[tuple[float, ...]]  # phases at which they do

    def phase(self, times: Times) -> Times:
        """Linear within a stage."""
        return np.interp(self.turn(times), (0.0, *self.ends, 1.0), (0.0, *self.stages, 1.0))

    def moment(self, phase: float) -> float:
        """The inverse."""
        return float(np.interp(phase, (0.0, *self.stages, 1.0), (0.0, *self.ends, 1.0)))


@dataclass(frozen=True, kw_only=True)
class Strike(Staged):
    """Approach a block ever faster, strike it, retreat ever slower, rest; contact at phase 0.4."""

    x: float  # of the center, at contact
    y: float
    distance: float
    direction: float  # in which it strikes, radians clockwise from the right
    ahead: float  # from the center at contact to the block
    block: float  # length
    name: ClassVar[str] = "strike"
    stages: ClassVar[tuple[float, ...]] = (0.4, 0.7)
    contacts: ClassVar[tuple[float, ...]] = (0.4,)

    def pose(self, times: Times) -> Pose:
        """Distance to the block by phase."""
        phase = self.phase(times)
        gone = np.where(phase < 0.4, 1 - (phase / 0.4) ** 2, 1 - np.clip((0.7 - phase) / 0.3, 0, 1) ** 2)
        away = self.distance * gone
        x, y = self.x - away * np.cos(self.direction), self.y - away * np.sin(self.direction)
        return Pose(x, y, np.full_like(times, self.tilt), np.ones_like(times))

    def bars(self) -> tuple[Bar, ...]:
        """The block, across the direction."""
        ahead = self.ahead + THICKNESS
        x, y = self.x + ahead * np.cos(self.direction), self.y + ahead * np.sin(self.direction)
        return (Bar(x, y, self.block, 2 * THICKNESS, self.direction + np.pi / 2),)


@dataclass(frozen=True, kw_only=True)
class Hop(Staged):
    """Rise, hover, fall, rest on the floor; contact at phase 0.9."""

    x: float
    floor: float  # height of the center at contact
    height: float
    below: float  # of the floor, below the center at contact
    width: float  # of the floor
    name: ClassVar[str] = "hop"
    stages: ClassVar[tuple[float, ...]] = (0.3, 0.6, 0.9)
    contacts: ClassVar[tuple[float, ...]] = (0.9,)

    def pose(self, times: Times) -> Pose:
        """Height by phase: smooth up, accelerated down."""
        phase = self.phase(times)
        rise = np.sin(np.pi / 2 * np.clip(phase / 0.3, 0, 1)) ** 2
        fall = 1 - np.clip((phase - 0.6) / 0.3, 0, 1) ** 2
        y = self.floor - self.height * np.minimum(rise, fall)
        return Pose(np.full_like(times, self.x), y, np.full_like(times, self.tilt), np.ones_like(times))

    def bars(self) -> tuple[Bar, ...]:
        """The floor."""
        return (Bar(self.x, self.floor + self.below + THICKNESS / 2, self.width, THICKNESS, 0.0),)
