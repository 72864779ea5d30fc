"""`Motion`, what every way of moving offers.

Positions are shares of the picture's side, x to the right and y down; times are seconds of the clip, also before its
start and after its end, so that nothing tells where a clip was cut.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

Times = NDArray[np.float64]


@dataclass(frozen=True)
class Pose:
    """Where an object is at each of `[T]` times."""

    x: Times
    y: Times
    angle: Times  # radians clockwise
    scale: Times  # of the radius


@dataclass(frozen=True)
class Bar:
    """Something gray that is struck: a floor, a wall, a block. It never moves.

    Attributes:
        x, y: center.
        length, width: full extents, the length along `angle` (radians clockwise).
    """

    x: float
    y: float
    length: float
    width: float
    angle: float


@dataclass(frozen=True, kw_only=True)
class Motion(ABC):
    """A cycle that repeats every `period` seconds.

    Attributes:
        period: seconds of a cycle.
        delay: second at which a cycle begins.
        tilt: the angle at which the object is drawn, radians clockwise.
        contacts: phases at which the object strikes something.
    """

    period: float
    delay: float
    tilt: float
    name: ClassVar[str]
    contacts: ClassVar[tuple[float, ...]] = ()

    def turn(self, times: Times) -> Times:
        """`[T]` share of the cycle's time that has passed, in [0, 1)."""
        return ((times - self.delay) / self.period) % 1.0

    def phase(self, times: Times) -> Times:
        """`[T]` progress of the action in [0, 1): equal phases look equal, however fast each part is done."""
        return self.turn(times)

    def moment(self, phase: float) -> float:
        """Share of the cycle's time at which `phase` is reached."""
        return phase

    def events(self, start: float, end: float) -> Times:
        """`[E]` ascending times in [start, end) of all contacts."""
        found: list[float] = []
        for contact in self.contacts:
            first = self.delay + self.moment(contact) * self.period
            lowest = int(np.ceil((start - first) / self.period)) - 1
            highest = int(np.ceil((end - first) / self.period)) + 1
            found += [first + k * self.period for k in range(lowest, highest + 1)]
        return np.array(sorted(time for time in found if start <= time < end))

    @abstractmethod
    def pose(self, times: Times) -> Pose:
        """Where it is."""

    def loudness(self, times: Times) -> Times:
        """`[T]` in [0, 1] of the sound that it makes without contact; 0 for those that strike."""
        return np.zeros_like(times)

    def force(self, contacts: Times) -> Times:
        """`[E]` in (0, 1] of the strokes at contacts that `events` told."""
        return np.ones_like(contacts)

    def bars(self) -> tuple[Bar, ...]:
        """What it strikes."""
        return ()
