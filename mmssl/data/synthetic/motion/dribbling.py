"""A motion whose strokes do not repeat, so that a second of sound has one place only where it fits the picture."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from mmssl.data.synthetic.motion.motion import Bar, Motion, Pose, Times
from mmssl.data.synthetic.motion.striking import THICKNESS

PUSH = 8.0  # sides of the picture a second squared: it is thrown down, not dropped


@dataclass(frozen=True, kw_only=True)
class Dribble(Motion):
    """Bounces of unequal height on one spot, each as high as its time allows; contact at phase 0 of each.

    Attributes:
        beats: `[N + 1]` seconds from 0 to `period`, ascending, at which it touches the floor; no clip is as long.
    """

    beats: tuple[float, ...]
    x: float
    floor: float  # height of the center at contact
    below: float  # of the floor, below the center at contact
    width: float  # of the floor
    name: ClassVar[str] = "dribble"
    contacts: ClassVar[tuple[float, ...]] = (0.0,)

    def _bounce(self, times: Times) -> tuple[NDArray[np.int64], Times]:
        """`[T]` number of the bounce, and seconds since it began."""
        since = (times - self.delay) % self.period
        number = np.searchsorted(self.beats, since, side="right") - 1
        number = np.minimum(number, len(self.beats) - 2)
        return number, since - np.array(self.beats)[number]

    def phase(self, times: Times) -> Times:
        """Of the bounce."""
        number, since = self._bounce(times)
        return since / np.diff(self.beats)[number]

    def events(self, start: float, end: float) -> Times:
        """`[E]` ascending times in [start, end) of all contacts."""
        first, last = (int(np.floor((time - self.delay) / self.period)) for time in (start, end))
        cycles = self.delay + self.period * np.arange(first, last + 1)
        found: Times = (cycles[:, None] + np.array(self.beats[:-1])).ravel()
        return found[(found >= start) & (found < end)]

    def force(self, contacts: Times) -> Times:
        """In proportion to the speed of the fall, that is, to the time it took."""
        lengths = np.diff(self.beats)
        number, _ = self._bounce(contacts + 1e-6)
        force: Times = lengths[number - 1] / lengths.max()
        return force

    def pose(self, times: Times) -> Pose:
        """A parabola a bounce."""
        number, _ = self._bounce(times)
        height = PUSH * np.diff(self.beats)[number] ** 2 / 8
        turn = self.phase(times)
        y = self.floor - height * 4 * turn * (1 - turn)
        still = np.ones_like(times)
        return Pose(self.x * still, y, self.tilt * still, still)

    def bars(self) -> tuple[Bar, ...]:
        """The floor."""
        return (Bar(self.x, self.floor + self.below + THICKNESS / 2, self.width, THICKNESS, 0.0),)
