"""Motions that sound all the time, louder and softer in step: spin, pulse, orbit."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mmssl.data.synthetic.motion.motion import Motion, Pose, Times


def swell(turn: Times) -> Times:
    """`[T]` from 1 at turn 0 to 0.04 in the middle of the cycle and back, smoothly."""
    wave: Times = 0.04 + 0.96 * (0.5 + 0.5 * np.cos(2 * np.pi * turn)) ** 1.5
    return wave


@dataclass(frozen=True, kw_only=True)
class Humming(Motion):
    """What they share."""

    x: float  # of the center, or of the orbit's
    y: float

    def loudness(self, times: Times) -> Times:
        """Loudest at phase 0."""
        return swell(self.turn(times))


@dataclass(frozen=True, kw_only=True)
class Spin(Humming):
    """Turns about itself; loudest when upright."""

    clockwise: bool
    name: ClassVar[str] = "spin"

    def pose(self, times: Times) -> Pose:
        """One turn a cycle."""
        angle = self.tilt + 2 * np.pi * self.turn(times) * (1 if self.clockwise else -1)
        return Pose(np.full_like(times, self.x), np.full_like(times, self.y), angle, np.ones_like(times))


@dataclass(frozen=True, kw_only=True)
class Pulse(Humming):
    """Grows and shrinks; loudest when largest."""

    depth: float  # of the radius, by which it shrinks
    name: ClassVar[str] = "pulse"

    def pose(self, times: Times) -> Pose:
        """The radius follows the loudness."""
        still = np.ones_like(times)
        return Pose(self.x * still, self.y * still, self.tilt * still, 1 - self.depth * (1 - self.loudness(times)))


@dataclass(frozen=True, kw_only=True)
class Orbit(Humming):
    """Circles around a point; loudest at the top."""

    distance: float
    clockwise: bool
    name: ClassVar[str] = "orbit"

    def pose(self, times: Times) -> Pose:
        """One round a cycle, from the top."""
        around = 2 * np.pi * self.turn(times) * (1 if self.clockwise else -1)
        x, y = self.x + self.distance * np.sin(around), self.y - self.distance * np.cos(around)
        return Pose(x, y, np.full_like(times, self.tilt), np.ones_like(times))
