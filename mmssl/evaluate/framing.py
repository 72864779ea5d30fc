"""What part of a film's picture a clip shows, and where its boxes lie there.

A reader crops the picture around its center to the wanted aspect ratio before it scales (`Media.frames`), so a place
in a clip is not the place in the film unless both have one shape. Positions are shares of width and height, 0 to 1.
"""

from dataclasses import dataclass
from typing import Self

Box = tuple[float, float, float, float]  # left, top, right, bottom


@dataclass(frozen=True)
class View:
    """The rectangle of the full picture that is seen."""

    left: float
    top: float
    right: float
    bottom: float

    @classmethod
    def centered(cls, width: int, height: int, aspect: float = 1.0) -> Self:
        """The largest centered rectangle of `width x height` pixels whose width is `aspect` times its height."""
        across, down = min(1.0, height * aspect / width), min(1.0, width / aspect / height)
        return cls((1 - across) / 2, (1 - down) / 2, (1 + across) / 2, (1 + down) / 2)

    def inward(self, box: Box) -> Box | None:
        """A box of the full picture as shares of the view, cut at its borders; None when nothing of it is seen."""
        across, down = self.right - self.left, self.bottom - self.top
        left, right = ((min(max(x, self.left), self.right) - self.left) / across for x in (box[0], box[2]))
        top, bottom = ((min(max(y, self.top), self.bottom) - self.top) / down for y in (box[1], box[3]))
        return (left, top, right, bottom) if right > left and bottom > top else None

    def outward(self, x: float, y: float) -> tuple[float, float]:
        """A point of the view as shares of the full picture."""
        return self.left + x * (self.right - self.left), self.top + y * (self.bottom - self.top)
