"""What is seen: a textured background with the bars that are struck, and the objects, drawn from their truth."""

import numpy as np
from numpy.typing import NDArray

from mmssl.data.synthetic.motion.motion import Bar
from mmssl.data.synthetic.shapes import OUTERMOST, distance
from mmssl.data.synthetic.truth import Track, Truth
from mmssl.data.synthetic.world import Scene

Pixels = NDArray[np.uint8]
FINE = 4  # steps within a pixel by which the camera shakes
OUTLINE = 1.6  # pixels at 128 a side
LIT = 0.45  # share of white in a fully glowing object
SHADING = 0.22  # how much lighter one side is than the other, so that turning is seen


def _stretch(coarse: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """`[C, g, g]` to `[C, size, size]`, linearly."""
    cells = coarse.shape[-1]
    places = np.linspace(0, cells - 1, size)
    low = np.minimum(places.astype(np.int64), cells - 2)
    weight: NDArray[np.float32] = np.zeros((size, cells), np.float32)
    weight[np.arange(size), low] = 1 - (places - low)
    weight[np.arange(size), low + 1] = places - low
    stretched: NDArray[np.float32] = np.matmul(np.matmul(weight, coarse), weight.T, dtype=np.float32)
    return stretched


def _clouds(rng: np.random.Generator, size: int, contrast: float) -> NDArray[np.float32]:
    """`[3, size, size]` muted clouds of four octaves around a random gray."""
    base = rng.uniform(70, 175) + rng.uniform(-12, 12, (3, 1, 1))
    picture: NDArray[np.float32] = np.broadcast_to(base.astype(np.float32), (3, 2, 2))
    # Each octave is added on its own coarse grid: only the last step is as large as the picture.
    for cells, share in ((4, 0.45), (9, 0.3), (20, 0.25), (44, 0.2)):
        light = rng.uniform(-1, 1, (1, cells, cells)) + 0.12 * rng.uniform(-1, 1, (3, cells, cells))
        picture = _stretch(picture, cells) + np.asarray(light * contrast * share * 150, np.float32)
    return _stretch(picture, size)


def _draw_bar(picture: NDArray[np.float32], bar: Bar, gray: float, pixels: int, margin: int) -> None:
    """On the background at `FINE` steps a pixel, with soft edges."""
    side = pixels * FINE
    reach = np.hypot(bar.length, bar.width) / 2 * side + 2 * FINE
    x0, y0 = ((center * side + margin * FINE) for center in (bar.x, bar.y))
    rows = slice(max(0, int(y0 - reach)), max(0, int(y0 + reach) + 1))
    columns = slice(max(0, int(x0 - reach)), max(0, int(x0 + reach) + 1))
    patch = picture[:, rows, columns]
    y = (np.arange(patch.shape[1], dtype=np.float32) + rows.start + 0.5 - y0)[:, None]
    x = (np.arange(patch.shape[2], dtype=np.float32) + columns.start + 0.5 - x0)[None, :]
    c, s = np.float32(np.cos(bar.angle)), np.float32(np.sin(bar.angle))
    along, across = np.abs(x * c + y * s) - bar.length * side / 2, np.abs(y * c - x * s) - bar.width * side / 2
    cover = np.clip(0.5 - np.maximum(along, across) / FINE, 0, 1)
    patch += cover * (gray - patch)


def background(scene: Scene, pixels: int, margin: int) -> NDArray[np.uint8]:
    """`[FINE, FINE, pixels + 2 margin, pixels + 2 margin, 3]`, one picture for each step (y, x) within a pixel."""
    rng = scene.generator(2)
    side = pixels + 2 * margin
    picture = _clouds(rng, side * FINE, scene.difficulty.contrast)
    bright = float(picture.mean())
    for thing in scene.things:
        for bar in thing.motion.bars() if thing.visible else ():
            gray = bright - 75 if bright > 125 else bright + 75
            _draw_bar(picture, bar, gray + float(rng.uniform(-15, 15)), pixels, margin)
    steps = np.clip(picture, 0, 255).astype(np.uint8).reshape(3, side, FINE, side, FINE)
    return np.ascontiguousarray(steps.transpose(2, 4, 1, 3, 0))


def _draw(frames: Pixels, track: Track, margin: int) -> None:
    """One object on all frames `[T, H + 2 margin, W + 2 margin, 3]`, in its bounding square alone."""
    pixels = frames.shape[1] - 2 * margin
    x, y = (np.array(place) * pixels + margin for place in (track.x, track.y))
    radius = (np.array(track.radius) * pixels).astype(np.float32)[:, None, None]
    size = 2 * int(np.ceil(OUTERMOST * radius.max()) + 2)
    left, top = (np.clip(np.floor(p).astype(int) - size // 2, 0, frames.shape[1] - size) for p in (x, y))
    grid = np.arange(size, dtype=np.float32) + np.float32(0.5)
    across = (grid + (left - x).astype(np.float32)[:, None])[:, None, :] / radius
    down = (grid + (top - y).astype(np.float32)[:, None])[:, :, None] / radius
    angle = np.array(track.angle, np.float32)[:, None, None]
    inside = distance(track.kind, across, down, angle) * -radius
    cover = np.clip(inside + np.float32(0.5), 0, 1)
    edge = np.float32(OUTLINE * pixels / 128)
    fill = np.float32(0.35) + np.float32(0.65) * np.clip(inside - edge + np.float32(0.5), 0, 1)
    fill *= np.float32(1) - np.float32(SHADING) * (across * np.cos(angle) + down * np.sin(angle))
    glow = np.float32(LIT) * np.array(track.glow, np.float32)[:, None]
    lit = np.array(track.rgb, np.float32) * (1 - glow) + np.float32(255) * glow
    for frame, row, column, share, light, color in zip(frames, top, left, cover, fill, lit, strict=True):
        patch = frame[row : row + size, column : column + size]
        wanted = np.minimum(light[..., None] * color, 255)
        # Adding a half rounds, as the conversion cuts off.
        patch[:] = patch + share[..., None] * (wanted - patch) + np.float32(0.5)


def render(scene: Scene, truth: Truth) -> Pixels:
    """`[T, H, W, 3]` RGB."""
    pixels = truth.pixels
    widest = max(max(track.radius, default=0.0) for track in truth.objects)
    margin = int(np.ceil((scene.difficulty.jitter * 1.5 + OUTERMOST * widest) * pixels)) + 4
    shift = scene.camera.shift(np.array(truth.frame_times), pixels)
    steps = background(scene, pixels, margin=(shake := int(np.abs(shift).max(initial=0)) // FINE + 2))
    frames = np.empty((len(shift), pixels + 2 * margin, pixels + 2 * margin, 3), np.uint8)
    for frame, (x, y) in zip(frames, shift, strict=True):
        # The center of pixel i lies on the world's i + 1/2 - shift.
        row, column = FINE * shake + FINE // 2 - y, FINE * shake + FINE // 2 - x
        step = steps[row % FINE, column % FINE]
        top, left = row // FINE, column // FINE
        frame[margin:-margin, margin:-margin] = step[top : top + pixels, left : left + pixels]
    for track in truth.objects:
        if not track.offscreen:
            _draw(frames, track, margin)
    return frames[:, margin:-margin, margin:-margin]
