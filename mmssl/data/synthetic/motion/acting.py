"""Actions that are done once and end otherwise than they began, so that every moment of them looks like no other."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from mmssl.data.synthetic.motion.motion import Bar, Pose, Times
from mmssl.data.synthetic.motion.striking import THICKNESS, Staged

SMALLEST = 0.4  # of the radius


@dataclass(frozen=True, kw_only=True)
class Acting(Staged):
    """Nothing moves before `delay` nor after `delay + period`; on the way it goes, changes in place, and goes on."""

    stages: ClassVar[tuple[float, ...]] = (0.35, 0.65)

    def turn(self, times: Times) -> Times:
        """`[T]` share of the action's time that has passed, in [0, 1]."""
        return np.clip((times - self.delay) / self.period, 0.0, 1.0)

    def loudness(self, times: Times) -> Times:
        """Ever louder, as it goes."""
        return 0.04 + 0.96 * self.phase(times)

    def way(self, times: Times) -> Times:
        """`[T]` share of the way that is gone, in [0, 1]."""
        return np.interp(self.phase(times), (0.0, *self.stages, 1.0), (0.0, 0.45, 0.45, 1.0))

    def change(self, times: Times) -> Times:
        """`[T]` share of the change in place that is done, in [0, 1]."""
        first, last = self.stages
        changed: NDArray[np.float64] = np.clip((self.phase(times) - first) / (last - first), 0.0, 1.0)
        return changed


@dataclass(frozen=True, kw_only=True)
class Climb(Acting):
    """Rises from a floor, growing, turns upside down in the air, and rises on until it touches a ceiling."""

    x: float
    floor: float  # height of the center at the begin
    height: float  # from there to its height at the end
    below: float  # of the floor, below the center at the begin
    above: float  # of the ceiling, above the center at the end
    width: float  # of both
    name: ClassVar[str] = "climb"

    def pose(self, times: Times) -> Pose:
        """Height, angle and size by phase."""
        y, angle = self.floor - self.height * self.way(times), self.tilt + np.pi * self.change(times)
        return Pose(np.full_like(times, self.x), y, angle, SMALLEST + (1 - SMALLEST) * self.phase(times))

    def bars(self) -> tuple[Bar, ...]:
        """Floor and ceiling."""
        top = self.floor - self.height - self.above - THICKNESS / 2
        heights = (self.floor + self.below + THICKNESS / 2, top)
        return tuple(Bar(self.x, y, self.width, THICKNESS, 0.0) for y in heights)


@dataclass(frozen=True, kw_only=True)
class Cross(Acting):
    """Goes from a wall on the left, shrinking, rests halfway, and goes on until it touches a wall on the right."""

    left: float  # of the center, at the begin
    right: float  # of the center, at the end
    y: float
    beyond_left: float  # from the center at the begin to the wall
    beyond_right: float  # from the center at the end to the wall
    wall: float  # length
    name: ClassVar[str] = "cross"

    def pose(self, times: Times) -> Pose:
        """Place and size by phase."""
        x, scale = self.left + (self.right - self.left) * self.way(times), 1 - (1 - SMALLEST) * self.phase(times)
        return Pose(x, np.full_like(times, self.y), np.full_like(times, self.tilt), scale)

    def bars(self) -> tuple[Bar, ...]:
        """Both walls."""
        first, last = self.left - self.beyond_left - THICKNESS / 2, self.right + self.beyond_right + THICKNESS / 2
        return tuple(Bar(x, self.y, self.wall, THICKNESS, np.pi / 2) for x in (first, last))
