"""What silent objects do: rest or drift, never striking or pulsing."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mmssl.data.synthetic.motion.motion import Bar, Motion, Pose, Times
from mmssl.data.synthetic.motion.striking import THICKNESS


@dataclass(frozen=True, kw_only=True)
class Rest(Motion):
    """Stays where it is, on a ledge if it has one, so that a bar alone does not tell what sounds."""

    x: float
    y: float
    below: float  # from the center down to the ledge
    ledge: float  # length; 0 for none
    name: ClassVar[str] = "rest"

    def pose(self, times: Times) -> Pose:
        """Always the same."""
        still = np.ones_like(times)
        return Pose(self.x * still, self.y * still, self.tilt * still, still)

    def bars(self) -> tuple[Bar, ...]:
        """The ledge."""
        return (Bar(self.x, self.y + self.below + THICKNESS / 2, self.ledge, THICKNESS, 0.0),) if self.ledge else ()


@dataclass(frozen=True, kw_only=True)
class Drift(Motion):
    """Moves slowly along a line."""

    x: float  # at second 0
    y: float
    speed_x: float  # a second
    speed_y: float
    name: ClassVar[str] = "drift"

    def pose(self, times: Times) -> Pose:
        """Constant velocity."""
        still = np.ones_like(times)
        return Pose(self.x + self.speed_x * times, self.y + self.speed_y * times, self.tilt * still, still)
