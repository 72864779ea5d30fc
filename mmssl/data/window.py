"""Which seconds of a recording a clip is.

A rule sees only the stretch in which everything that was asked for is there, so picture and sound both exist.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from mmssl.data.permutation import fraction
from mmssl.data.recordings import Caption
from mmssl.errors import UsageError

_POSITION, _CAPTION, _JITTER = range(100, 103)  # what a hash is for


@dataclass(frozen=True)
class Stretch:
    """The seconds [begin, end) of a recording that hold all the wanted streams, and its captions."""

    begin: float
    end: float
    captions: Sequence[Caption] = ()

    def room(self, seconds: float, least: float) -> float | None:
        """By how much a clip's start may vary, in seconds; None when less than the share `least` of a clip is here.

        Streams seldom end on the same millisecond, so a two-second file often has 1.98 s of both; the missing end
        is then the last picture and silence.
        """
        length = self.end - self.begin
        return None if length <= 0 or length < least * seconds else max(0.0, length - seconds)

    def hold(self, start: float, seconds: float) -> float:
        """The nearest start at which the clip does not leave the stretch."""
        return max(self.begin, min(start, self.end - seconds))


class Window(Protocol):
    """A rule; `mmssl.data.window` has them all."""

    @property
    def count(self) -> int:
        """Clips that it makes of one recording."""
        ...

    def place(self, stretch: Stretch, seconds: float, seed: int, number: int) -> float | None:
        """The start in seconds of clip `number`, of `count`; None when the stretch is too short for it."""
        ...

    def settled(self) -> "Window":
        """The rule for evaluation, which does not look at the seed."""
        ...


@dataclass(frozen=True)
class CenterWindow:
    """The middle.

    Attributes:
        least: share of the clip's seconds that must exist.
    """

    least: float = 0.95
    count: int = field(default=1, init=False)

    def place(self, stretch: Stretch, seconds: float, seed: int, number: int) -> float | None:
        """Half of the room before, half behind."""
        room = stretch.room(seconds, self.least)
        return None if room is None else stretch.begin + room / 2

    def settled(self) -> Window:
        """Itself."""
        return self


@dataclass(frozen=True)
class RandomWindow:
    """Anywhere, evenly; drawn from the clip's seed. In evaluation, the middle."""

    least: float = 0.95
    count: int = field(default=1, init=False)

    def place(self, stretch: Stretch, seconds: float, seed: int, number: int) -> float | None:
        """A part of the room before."""
        room = stretch.room(seconds, self.least)
        return None if room is None else stretch.begin + room * float(fraction(seed, _POSITION)[0])

    def settled(self) -> Window:
        """The middle."""
        return CenterWindow(self.least)


@dataclass(frozen=True)
class EvenWindows:
    """`count` clips at even distances, the first at the begin and the last at the end; one is the middle."""

    count: int
    least: float = 0.95

    def __post_init__(self) -> None:
        if self.count < 1:
            raise UsageError(f"EvenWindows needs at least one window, not {self.count}")

    def place(self, stretch: Stretch, seconds: float, seed: int, number: int) -> float | None:
        """The share number / (count - 1) of the room before."""
        room = stretch.room(seconds, self.least)
        return None if room is None else stretch.begin + room * (number / (self.count - 1) if self.count > 1 else 0.5)

    def settled(self) -> Window:
        """Itself."""
        return self


@dataclass(frozen=True)
class At:
    """Clips that start at given seconds of each recording; one that does not hold them is too short."""

    times: tuple[float, ...]
    least: float = 0.95

    @property
    def count(self) -> int:
        """As many as times."""
        return len(self.times)

    def place(self, stretch: Stretch, seconds: float, seed: int, number: int) -> float | None:
        """The time itself."""
        start = self.times[number]
        missing = max(stretch.begin - start, 0.0) + max(start + seconds - stretch.end, 0.0)
        return start if missing <= (1 - self.least) * seconds + 1e-6 else None

    def settled(self) -> Window:
        """Itself."""
        return self


@dataclass(frozen=True)
class AroundCaption:
    """Around a timestamped caption drawn from the seed, for narrated video; anywhere when none has a time.

    Attributes:
        jitter: seconds by which the clip's middle may leave the caption's middle, to either side.
        language: of the captions to look at; "" for any.
    """

    jitter: float = 0.0
    language: str = ""
    least: float = 0.95
    count: int = field(default=1, init=False)

    def place(self, stretch: Stretch, seconds: float, seed: int, number: int) -> float | None:
        """The caption's middle in the clip's middle, as far as the stretch allows."""
        room = stretch.room(seconds, self.least)
        middles = [
            (caption.start + (caption.start if caption.end is None else caption.end)) / 2
            for caption in stretch.captions
            if caption.start is not None and (not self.language or caption.language in ("", self.language))
        ]
        inside = [middle for middle in middles if stretch.begin <= middle < stretch.end]
        if room is None or not inside:
            return RandomWindow(self.least).place(stretch, seconds, seed, number)
        middle = inside[int(fraction(seed, _CAPTION)[0] * len(inside))]
        shift = self.jitter * (2 * float(fraction(seed, _JITTER)[0]) - 1)
        return stretch.hold(middle + shift - seconds / 2, seconds)

    def settled(self) -> Window:
        """The middle."""
        return CenterWindow(self.least)
