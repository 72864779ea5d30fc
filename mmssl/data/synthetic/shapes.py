"""The kinds of objects as signed distances, from which pictures, masks and boxes are all computed.

A shape lives in its own coordinates: x to the right, y down, its outermost point at a distance of about 1.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
OUTERMOST = 1.12  # no point of a shape is farther from its center


def _length(x: Floats, y: Floats) -> Floats:
    # `np.hypot` guards against overflow, which takes five times as long.
    length: Floats = np.sqrt(x * x + y * y)
    return length


def _circle(x: Floats, y: Floats) -> Floats:
    return _length(x, y) - np.float32(1)


def _square(x: Floats, y: Floats) -> Floats:
    return np.maximum(np.abs(x), np.abs(y)) - np.float32(0.78)


def _triangle(x: Floats, y: Floats) -> Floats:
    # Three half planes at distance 0.55 from the centroid.
    return np.maximum(y, np.float32(np.sqrt(0.75)) * np.abs(x) - np.float32(0.5) * y) - np.float32(0.55)


def _star(x: Floats, y: Floats) -> Floats:
    # Folded by its five mirrors until one edge is left, from the tip (0, -1) to the notch.
    up, side = -y, np.abs(x)
    for angle in (0.4 * np.pi, 0.2 * np.pi):
        c, s = np.float32(np.cos(angle)), np.float32(np.sin(angle))
        beyond = np.maximum(side * c - up * s, 0) * np.float32(2)
        up, side = up + beyond * s, side - beyond * c
        side = np.abs(side)
    notch = np.array([0.45 * np.sin(0.2 * np.pi), 0.45 * np.cos(0.2 * np.pi)])
    along = notch - np.array([0.0, 1.0])
    normal = np.array([-along[1], along[0]]) / np.hypot(*along)
    return side * np.float32(normal[0]) + (up - np.float32(1)) * np.float32(normal[1])


def _cross(x: Floats, y: Floats) -> Floats:
    x, y = np.abs(x), np.abs(y)
    wide, arm = np.float32(1), np.float32(0.34)
    plus: Floats = np.minimum(np.maximum(x - wide, y - arm), np.maximum(x - arm, y - wide))
    return plus


def _ring(x: Floats, y: Floats) -> Floats:
    ring: Floats = np.abs(_length(x, y) - np.float32(0.75)) - np.float32(0.25)
    return ring


def _heart(x: Floats, y: Floats) -> Floats:
    # A square on its corner with a half disc on both upper edges.
    half = np.float32(0.55)
    root = np.float32(np.sqrt(0.5))
    x, y = np.abs(x), y - np.float32(0.08)
    square = np.maximum(np.abs(x + y), np.abs(x - y)) * root - half
    heart: Floats = np.minimum(square, _length(x - half * root, y + half * root) - half)
    return heart


def _crescent(x: Floats, y: Floats) -> Floats:
    crescent: Floats = np.maximum(_length(x, y) - np.float32(1), np.float32(0.78) - _length(x - np.float32(0.48), y))
    return crescent


SHAPES: dict[str, Callable[[Floats, Floats], Floats]] = {
    "circle": _circle,
    "square": _square,
    "triangle": _triangle,
    "star": _star,
    "cross": _cross,
    "ring": _ring,
    "heart": _heart,
    "crescent": _crescent,
}


def distance(kind: str, x: Floats, y: Floats, angle: Floats | float) -> Floats:
    """Signed distance to the shape turned clockwise by `angle` (radians), negative inside; all broadcast."""
    c, s = np.cos(angle), np.sin(angle)
    return SHAPES[kind](x * c + y * s, y * c - x * s)


@cache
def hull(kind: str) -> NDArray[np.float64]:
    """`[256, 2]` (x, y) outermost points of the shape, one a direction, at most 0.004 outside."""
    line = np.linspace(-1.2, 1.2, 601)
    x, y = np.meshgrid(line, line)
    far = SHAPES[kind](x, y)
    rim = (far <= 0) & (far > -0.02)  # all others are not outermost
    x, y = x[rim], y[rim]
    directions = np.arange(256) * (2 * np.pi / 256)
    farthest = [int(np.argmax(x * np.cos(a) + y * np.sin(a))) for a in directions]
    return np.stack([x[farthest], y[farthest]], axis=1)


def reach(kind: str, angle: float, direction: float) -> float:
    """How far the shape, turned by `angle`, extends towards `direction` (radians clockwise from the right)."""
    points = hull(kind) @ np.array([np.cos(direction - angle), np.sin(direction - angle)])
    return float(points.max())


def extent(kind: str, angle: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Left, top, right and bottom of the shape turned by each of `[T]` angles, `[T]` each, for radius 1."""
    turned, inverse = np.unique(angle, return_inverse=True)
    c, s = np.cos(turned)[:, None], np.sin(turned)[:, None]
    x, y = hull(kind).T
    across, down = c * x - s * y, s * x + c * y
    bounds = across.min(1), down.min(1), across.max(1), down.max(1)
    left, top, right, bottom = (bound[inverse] for bound in bounds)
    return left - 0.004, top - 0.004, right + 0.004, bottom + 0.004
