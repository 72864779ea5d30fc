"""What is seen: a textured background with the bars that are struck, and the objects, drawn from their truth."""

import numpy as np
from numpy.typing import NDArray

from mmssl.data.synthetic.motion.motion import Bar
from mmssl.data.synthetic.shapes import distance
from mmssl.data.synthetic.truth import Track, Truth
from mmssl.data.synthetic.world import Scene

Pixels = NDArray[np.uint8]
FINE = 4  # steps within a pixel by which the camera shakes
OUTLINE = 1.6  # pixels at 128 a side
LIT = 0.45  # share of white in a fully glowing object
SHADING = 0.22  # how much lighter one side is than the other, so that turning is seen


def _stretch(coarse: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """`[g, g, C]` to `[size, size, C]`, linearly."""
    places = np.linspace(0, coarse.shape[0] - 1, size)
    low = np.minimum(places.astype(np.int64), coarse.shape[0] - 2)
    weight = np.zeros((size, coarse.shape[0]), np.float32)
    weight[np.arange(size), low] = 1 - (places - low)
    weight[np.arange(size), low + 1] = places - low
    rows = np.tensordot(weight, coarse, axes=(1, 0))
    stretched: NDArray[np.float32] = np.matmul(weight, rows)
    return stretched


def _clouds(rng: np.random.Generator, size: int, contrast: float) -> NDArray[np.float32]:
    """`[size, size, 3]` muted clouds of four octaves around a random gray."""
    base = rng.uniform(70, 175) + rng.uniform(-12, 12, 3)
    picture = np.broadcast_to(base.astype(np.float32), (size, size, 3)).copy()
    for cells, share in ((4, 0.45), (9, 0.3), (20, 0.25), (44, 0.2)):
        light = rng.uniform(-1, 1, (cells, cells, 1)) + 0.12 * rng.uniform(-1, 1, (cells, cells, 3))
        picture += _stretch((light * contrast * share * 150).astype(np.float32), size)
    return picture


def _draw_bar(picture: NDArray[np.float32], bar: Bar, gray: float, pixels: int, margin: int) -> None:
    """On the background at `FINE` steps a pixel, with soft edges."""
    side = pixels * FINE
    reach = np.hypot(bar.length, bar.width) / 2 * side + 2 * FINE
    x0, y0 = ((center * side + margin * FINE) for center in (bar.x, bar.y))
    rows = slice(max(0, int(y0 - reach)), max(0, int(y0 + reach) + 1))
    columns = slice(max(0, int(x0 - reach)), max(0, int(x0 + reach) + 1))
    patch = picture[rows, columns]
    y = (np.arange(patch.shape[0], dtype=np.float32) + rows.start + 0.5 - y0)[:, None]
    x = (np.arange(patch.shape[1], dtype=np.float32) + columns.start + 0.5 - x0)[None, :]
    c, s = np.float32(np.cos(bar.angle)), np.float32(np.sin(bar.angle))
    along, across = np.abs(x * c + y * s) - bar.length * side / 2, np.abs(y * c - x * s) - bar.width * side / 2
    cover = np.clip(0.5 - np.maximum(along, across) / FINE, 0, 1)[..., None]
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
    steps = np.clip(picture, 0, 255).astype(np.uint8).reshape(side, FINE, side, FINE, 3)
    return np.ascontiguousarray(steps.transpose(1, 3, 0, 2, 4))


def _draw(frames: Pixels, track: Track, margin: int) -> None:
    """One object on all frames `[T, H + 2 margin, W + 2 margin, 3]`, in its bounding square alone."""
    pixels = frames.shape[1] - 2 * margin
    x, y = (np.array(place) * pixels + margin for place in (track.x, track.y))
    radius = (np.array(track.radius) * pixels).astype(np.float32)[:, None, None]
    half = int(np.ceil(radius.max())) + 2
    corner_x, corner_y = (np.clip(np.floor(p).astype(int) - half, 0, frames.shape[1] - 2 * half) for p in (x, y))
    grid = np.arange(2 * half)
    rows, columns = (corner_y[:, None] + grid)[:, :, None], (corner_x[:, None] + grid)[:, None, :]
    local_y = (rows + 0.5 - y[:, None, None]).astype(np.float32) / radius
    local_x = (columns + 0.5 - x[:, None, None]).astype(np.float32) / radius
    angle = np.array(track.angle, np.float32)[:, None, None]
    inside = distance(track.kind, local_x, local_y, angle) * -radius
    cover = np.clip(inside + np.float32(0.5), 0, 1)
    edge = np.float32(OUTLINE * pixels / 128)
    fill = np.float32(0.35) + np.float32(0.65) * np.clip(inside - edge + np.float32(0.5), 0, 1)
    light = local_x * np.cos(angle) + local_y * np.sin(angle)
    fill *= np.float32(1) - np.float32(SHADING) * light
    glow = np.float32(LIT) * np.array(track.glow, np.float32)[:, None, None]
    frame = np.arange(len(frames))[:, None, None]
    patch = frames[frame, rows, columns].astype(np.float32)
    for channel, value in enumerate(track.rgb):
        color = np.float32(value) * (1 - glow) + np.float32(255) * glow
        patch[..., channel] += cover * (np.minimum(color * fill, 255) - patch[..., channel])
    frames[frame, rows, columns] = np.rint(patch).astype(np.uint8)


def render(scene: Scene, truth: Truth) -> Pixels:
    """`[T, H, W, 3]` RGB."""
    pixels = truth.pixels
    widest = max(max(track.radius, default=0.0) for track in truth.objects)
    margin = int(np.ceil((scene.difficulty.jitter * 1.5 + widest) * pixels)) + 4
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
