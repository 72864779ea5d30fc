"""`Scene`, everything that is in one clip, drawn from (seed, split, number) alone."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from mmssl.data.synthetic.difficulty import Difficulty
from mmssl.data.synthetic.motion.motion import Motion
from mmssl.data.synthetic.motion.placing import MOTIONS, SILENT, Place, place
from mmssl.data.synthetic.shapes import SHAPES

KINDS = tuple(SHAPES)
COLORS: dict[str, tuple[int, int, int]] = {
    "red": (222, 24, 30),
    "orange": (255, 138, 0),
    "yellow": (250, 232, 20),
    "green": (26, 165, 40),
    "turquoise": (10, 222, 214),
    "blue": (30, 70, 235),
    "purple": (130, 25, 190),
    "pink": (255, 120, 200),
}
SIZES = {"small": 0.125, "medium": 0.163, "large": 0.21}  # radius as a share of the picture's side


@dataclass(frozen=True)
class Thing:
    """One object. Its sound is a function of what is seen: kind, color, size, shade and motion.

    Attributes:
        shade: in [-1, 1], darker to lighter within its color; also a fifth of a step lower to higher.
        radius: share of the picture's side.
        loudness: gain of its sound; 0 for silent ones.
        visible: False for a sound from outside the picture.
    """

    kind: str
    color: str
    size: str
    shade: float
    radius: float
    motion: Motion
    loudness: float
    visible: bool = True

    @property
    def sounding(self) -> bool:
        """Whether it can be heard."""
        return self.loudness > 0

    @property
    def rgb(self) -> tuple[int, int, int]:
        """Its color with its shade."""
        red, green, blue = (round(min(255, value * (1 + 0.1 * self.shade))) for value in COLORS[self.color])
        return red, green, blue


@dataclass(frozen=True)
class Camera:
    """A shake that is a sum of slow waves, `[3]` frequencies (Hz) and phases, `[3, 2]` amplitudes (shares)."""

    frequencies: tuple[float, ...]
    phases: tuple[float, ...]
    amplitudes: tuple[tuple[float, float], ...]

    def shift(self, times: NDArray[np.float64], pixels: int) -> NDArray[np.int64]:
        """`[T, 2]` (x, y) by which everything in the picture is moved, in quarters of a pixel."""
        waves = np.sin(2 * np.pi * np.outer(times, self.frequencies) + np.array(self.phases))
        shift: NDArray[np.int64] = np.rint(waves @ np.array(self.amplitudes) * pixels * 4).astype(np.int64)
        return shift


@dataclass(frozen=True)
class Mix:
    """How the sound is laid under the picture; nothing of it is seen."""

    noise: float  # decibels relative to the rest of the sound
    noise_color: float  # power falls with frequency to this power
    gain: float  # decibels of the whole sound's root mean square, relative to full scale
    offset: float  # seconds by which sound comes after picture


@dataclass(frozen=True)
class Scene:
    """One clip before it is drawn and heard."""

    seed: int
    split: str
    number: int
    seconds: float
    difficulty: Difficulty
    things: tuple[Thing, ...]  # the visible ones from back to front, then those outside the picture
    main: int  # which of them is heard for certain
    camera: Camera
    mix: Mix

    @property
    def key(self) -> str:
        """Name of the clip's files."""
        return f"{self.split}-{self.number:06d}"

    @property
    def identity(self) -> str:
        """A hash of all objects with their attributes and trajectories: equal only for the same instance."""
        return hashlib.sha256(repr(self.things).encode()).hexdigest()[:16]

    def generator(self, stream: int) -> np.random.Generator:
        """Randomness for one use, which no other use of it disturbs."""
        return generator(self.seed, self.split, self.number, stream)


def generator(seed: int, split: str, number: int, stream: int) -> np.random.Generator:
    """Randomness for one use in one scene. A name that is spelt otherwise is another split with other scenes."""
    return np.random.default_rng((seed, crc32(split.encode()), number, stream))


def _clearance(motion: Motion, radius: float, others: list[Thing], times: NDArray[np.float64]) -> float:
    """Smallest gap between an object and others over time, as a share of the picture."""
    pose = motion.pose(times)
    gaps = [1.0]
    for other in others:
        there = other.motion.pose(times)
        gaps.append(float(np.hypot(pose.x - there.x, pose.y - there.y).min()) - radius - other.radius)
    return min(gaps)


def _thing(
    rng: np.random.Generator,
    others: list[Thing],
    seconds: float,
    *,
    motions: Mapping[str, Place],
    loudness: float,
    visible: bool = True,
) -> Thing:
    """An object that looks like no other in the scene, where it hides the others least (best of 10 places)."""
    taken = {(other.kind, other.color) for other in others}
    free = [(kind, color) for kind in KINDS for color in COLORS if (kind, color) not in taken]
    kind, color = free[rng.integers(len(free))]
    size = tuple(SIZES)[rng.integers(len(SIZES))]
    radius = SIZES[size] * float(rng.uniform(0.95, 1.05))
    name = tuple(motions)[rng.integers(len(motions))]
    times = np.linspace(0, seconds, 33)
    best, widest = place(name, rng, kind, radius, seconds), -np.inf
    candidate = best
    for _ in range(10):
        gap = _clearance(candidate, radius, others if visible else [], times)
        best, widest = (candidate, gap) if gap > widest else (best, widest)
        if widest > 0:
            break
        candidate = place(name, rng, kind, radius, seconds)
    return Thing(kind, color, size, float(rng.uniform(-1, 1)), radius, best, loudness, visible)


def _camera(rng: np.random.Generator, jitter: float) -> Camera:
    frequencies = tuple(float(f) for f in rng.uniform(0.3, 3.0, 3))
    phases = tuple(float(p) for p in rng.uniform(0, 2 * np.pi, 3))
    amplitudes = tuple((float(x) * jitter / 2, float(y) * jitter / 2) for x, y in rng.uniform(-1, 1, (3, 2)))
    return Camera(frequencies, phases, amplitudes)


def scene(seed: int, split: str, number: int, difficulty: Difficulty, seconds: float = 4.0) -> Scene:
    """The scene with that number in that split.

    Args:
        seed: of the world.
        split: its name.
        number: from 0.
        difficulty: the ranges to draw from.
        seconds: length of the clip.
    """
    rng = generator(seed, split, number, 0)
    count = int(rng.integers(difficulty.objects[0], difficulty.objects[1] + 1))
    sounding = int(rng.integers(1, min(difficulty.sounding, count) + 1))
    active = MOTIONS[difficulty.motions]
    things: list[Thing] = []
    for position in range(count):
        loud = position < sounding
        things.append(_thing(rng, things, seconds, motions=active if loud else SILENT, loudness=float(loud)))
    # The order of drawing must not tell which one sounds.
    order = rng.permutation(count)
    shown = [things[i] for i in order]
    main = int(np.argmin(order))
    if rng.random() < difficulty.offscreen:
        gain = 10 ** (float(rng.uniform(-12, -5)) / 20)
        shown.append(_thing(rng, shown, seconds, motions=active, loudness=gain, visible=False))
    return Scene(
        seed=seed,
        split=split,
        number=number,
        seconds=seconds,
        difficulty=difficulty,
        things=tuple(shown),
        main=main,
        camera=_camera(rng, difficulty.jitter),
        mix=Mix(
            noise=float(rng.uniform(*difficulty.noise)),
            noise_color=float(rng.uniform(0, 2)),
            gain=float(rng.uniform(-30, -22)),
            offset=float(rng.uniform(-1, 1)) * difficulty.max_offset + 0.0,
        ),
    )


def unlinked(original: Scene) -> Scene:
    """The same clip with the sounding things of another scene, for control runs."""
    number = original.number + 1_000_000_000
    other = scene(original.seed, original.split, number, original.difficulty, original.seconds)
    return replace(original, things=other.things, main=other.main)
