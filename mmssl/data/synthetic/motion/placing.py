"""Motions drawn at random so that an object of a given shape and size stays in the picture."""

from collections.abc import Callable
from typing import Any

import numpy as np

from mmssl.data.synthetic.motion.acting import SMALLEST, Climb, Cross
from mmssl.data.synthetic.motion.dribbling import PUSH, Dribble
from mmssl.data.synthetic.motion.humming import Orbit, Pulse, Spin
from mmssl.data.synthetic.motion.motion import Motion
from mmssl.data.synthetic.motion.silent import Drift, Rest
from mmssl.data.synthetic.motion.striking import THICKNESS, Bounce, Hop, Slide, Strike
from mmssl.data.synthetic.shapes import reach

GRAVITY = 2.2  # sides of the picture a second squared
BOUNCES = (0.2, 0.5)  # seconds of a bounce that is dribbled: 0.56 s, ten windows of synchronization, hold a contact
RIGHT, DOWN, LEFT, UP = 0.0, np.pi / 2, np.pi, -np.pi / 2


def _period(rng: np.random.Generator, shortest: float, longest: float) -> dict[str, float]:
    """A cycle of any length that begins anywhere, so neither the clip's start nor the frame grid tells anything."""
    period = float(np.exp(rng.uniform(np.log(shortest), np.log(longest))))
    return {"period": period, "delay": float(rng.uniform(0, period)), "tilt": float(rng.uniform(-0.25, 0.25))}


def _between(rng: np.random.Generator, low: float, high: float) -> float:
    """Uniform, or the middle where there is no room."""
    return float(rng.uniform(low, high)) if low < high else (low + high) / 2


def _bounce(rng: np.random.Generator, kind: str, radius: float, seconds: float) -> Motion:
    cycle = _period(rng, 0.45, 1.0)
    height = GRAVITY * cycle["period"] ** 2 / 8
    below = radius * reach(kind, cycle["tilt"], DOWN)
    way = float(rng.uniform(-0.2, 0.2))
    x = _between(rng, radius + max(0, -way), 1 - radius - max(0, way))
    left, right = min(x, x + way) - radius, max(x, x + way) + radius
    floor = _between(rng, radius + height, 1 - below - THICKNESS)
    speed = way / seconds
    return Bounce(**cycle, x=x, floor=floor, height=height, speed=speed, below=below, left=left, right=right)


def _slide(rng: np.random.Generator, kind: str, radius: float, seconds: float) -> Motion:
    cycle = _period(rng, 0.8, 2.0)
    left, right = (radius * reach(kind, cycle["tilt"], direction) for direction in (LEFT, RIGHT))
    span = float(rng.uniform(0.18, 0.42))
    x = _between(rng, left + THICKNESS, 1 - right - THICKNESS - span)
    y = _between(rng, radius, 1 - radius)
    return Slide(**cycle, left=x, right=x + span, y=y, beyond_left=left, beyond_right=right, wall=2.2 * radius)


def _strike(rng: np.random.Generator, kind: str, radius: float, seconds: float) -> Motion:
    cycle = _period(rng, 0.6, 1.5)
    strikes = float(rng.uniform(0.2, 0.45))
    ends = (strikes, strikes + float(rng.uniform(0.15, 0.35)))
    direction, distance = float(rng.uniform(0, 2 * np.pi)), float(rng.uniform(0.15, 0.32))
    ahead = radius * reach(kind, cycle["tilt"], direction)
    c, s = np.cos(direction), np.sin(direction)
    room = max(radius, ahead + 2 * THICKNESS)
    x = _between(rng, max(radius + distance * c, room * -c, radius), 1 - max(radius - distance * c, room * c, radius))
    y = _between(rng, max(radius + distance * s, room * -s, radius), 1 - max(radius - distance * s, room * s, radius))
    block = 1.6 * radius
    return Strike(**cycle, ends=ends, x=x, y=y, distance=distance, direction=direction, ahead=ahead, block=block)


def _hop(rng: np.random.Generator, kind: str, radius: float, seconds: float) -> Motion:
    cycle = _period(rng, 0.8, 1.6)
    stages = rng.uniform(0.6, 1.4, 4)
    ends = tuple(float(end) for end in np.cumsum(stages / stages.sum())[:3])
    height = float(rng.uniform(0.15, 0.35))
    below = radius * reach(kind, cycle["tilt"], DOWN)
    floor = _between(rng, radius + height, 1 - below - THICKNESS)
    x = _between(rng, radius, 1 - radius)
    return Hop(**cycle, ends=ends, x=x, floor=floor, height=height, below=below, width=2.2 * radius)


def _spin(rng: np.random.Generator, kind: str, radius: float, seconds: float) -> Motion:
    x, y = (_between(rng, radius, 1 - radius) for _ in range(2))
    return Spin(**_period(rng, 0.5, 1.5), x=x, y=y, clockwise=bool(rng.integers(2)))


def _pulse(rng: np.random.Generator, kind: str, radius: float, seconds: float) -> Motion:
    x, y = (_between(rng, radius, 1 - radius) for _ in range(2))
    return Pulse(**_period(rng, 0.45, 1.3), x=x, y=y, depth=float(rng.uniform(0.3, 0.5)))


def _orbit(rng: np.random.Generator, kind: str, radius: float, seconds: float) -> Motion:
    distance = float(rng.uniform(0.1, 0.2))
    x, y = (_between(rng, radius + distance, 1 - radius - distance) for _ in range(2))
    return Orbit(**_period(rng, 0.7, 1.8), x=x, y=y, distance=distance, clockwise=bool(rng.integers(2)))


def _rest(rng: np.random.Generator, kind: str, radius: float, seconds: float) -> Motion:
    cycle = _period(rng, 1.0, 2.0)
    below = radius * reach(kind, cycle["tilt"], DOWN)
    x, y = _between(rng, radius, 1 - radius), _between(rng, radius, 1 - below - THICKNESS)
    return Rest(**cycle, x=x, y=y, below=below, ledge=2.2 * radius * int(rng.integers(2)))


def _drift(rng: np.random.Generator, kind: str, radius: float, seconds: float) -> Motion:
    way_x, way_y = (float(way) for way in rng.uniform(-0.14, 0.14, 2))
    x, y = (_between(rng, radius + max(0, -way), 1 - radius - max(0, way)) for way in (way_x, way_y))
    return Drift(**_period(rng, 1.0, 2.0), x=x, y=y, speed_x=way_x / seconds, speed_y=way_y / seconds)


def _once(rng: np.random.Generator, seconds: float) -> dict[str, Any]:
    """An action within the clip, each of its three stages at a speed of its own, with a rest before and after."""
    period = seconds * float(rng.uniform(0.7, 0.95))
    lengths = rng.uniform(0.4, 1.6, 3)
    first, second = (float(end) for end in np.cumsum(lengths / lengths.sum())[:2])
    delay = float(rng.uniform(0.02 * seconds, 0.98 * seconds - period))
    return {"period": period, "delay": delay, "tilt": float(rng.uniform(-0.25, 0.25)), "ends": (first, second)}


def _climb(rng: np.random.Generator, kind: str, radius: float, seconds: float) -> Motion:
    action = _once(rng, seconds)
    below = SMALLEST * radius * reach(kind, action["tilt"], DOWN)
    above = radius * reach(kind, action["tilt"] + np.pi, UP)
    height = min(float(rng.uniform(0.25, 0.45)), 1 - below - above - 2 * THICKNESS)
    floor = _between(rng, above + THICKNESS + height, 1 - below - THICKNESS)
    x = _between(rng, radius, 1 - radius)
    return Climb(**action, x=x, floor=floor, height=height, below=below, above=above, width=2.2 * radius)


def _cross(rng: np.random.Generator, kind: str, radius: float, seconds: float) -> Motion:
    action = _once(rng, seconds)
    left, right = (radius * reach(kind, action["tilt"], direction) for direction in (LEFT, RIGHT))
    right *= SMALLEST
    span = min(float(rng.uniform(0.25, 0.45)), 1 - left - right - 2 * THICKNESS)
    x, y = _between(rng, left + THICKNESS, 1 - right - THICKNESS - span), _between(rng, radius, 1 - radius)
    return Cross(**action, left=x, right=x + span, y=y, beyond_left=left, beyond_right=right, wall=2.2 * radius)


def _dribble(rng: np.random.Generator, kind: str, radius: float, seconds: float) -> Motion:
    lengths = rng.uniform(*BOUNCES, int((seconds + 2) / BOUNCES[0]))  # the clip, and what rings into it
    beats = (0.0, *(float(beat) for beat in np.cumsum(lengths)))
    tilt = float(rng.uniform(-0.25, 0.25))
    below = radius * reach(kind, tilt, DOWN)
    floor = _between(rng, radius + PUSH * BOUNCES[1] ** 2 / 8, 1 - below - THICKNESS)
    return Dribble(
        period=beats[-1],
        delay=float(rng.uniform(0, beats[-1])),
        tilt=tilt,
        beats=beats,
        x=_between(rng, radius, 1 - radius),
        floor=floor,
        below=below,
        width=2.2 * radius,
    )


Place = Callable[[np.random.Generator, str, float, float], Motion]
SOUNDING: dict[str, Place] = {
    "bounce": _bounce,
    "slide": _slide,
    "strike": _strike,
    "hop": _hop,
    "spin": _spin,
    "pulse": _pulse,
    "orbit": _orbit,
}
SILENT: dict[str, Place] = {"rest": _rest, "drift": _drift}
ACTING: dict[str, Place] = {"climb": _climb, "cross": _cross}
UNEVEN: dict[str, Place] = {"dribble": _dribble}
# What sounds, by a world's `Difficulty.motions`.
MOTIONS = {"cycles": SOUNDING, "actions": ACTING, "uneven": UNEVEN}


def place(name: str, rng: np.random.Generator, kind: str, radius: float, seconds: float) -> Motion:
    """A motion of that name for a shape of that radius, in the picture for all of `seconds`."""
    return (SOUNDING | SILENT | ACTING | UNEVEN)[name](rng, kind, radius, seconds)
