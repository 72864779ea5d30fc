"""A decoded picture made upright, cropped to the wanted aspect ratio and scaled."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Orientation = tuple[int, int, int, int]  # signs (a, b, c, d) of a display matrix: x' = a x + c y, y' = b x + d y
UPRIGHT: Orientation = (1, 0, 0, 1)


def orientation(frame: Any) -> Orientation:
    """How a frame wants to be shown: the display matrix of its container, as signs (QuickTime file format, `tkhd`)."""
    for data in frame.side_data:
        if data.type.name == "DISPLAYMATRIX":
            matrix = np.frombuffer(bytes(data), np.int32).reshape(3, 3)
            a, b, c, d = (round(float(value) / 65536) for value in (*matrix[0, :2], *matrix[1, :2]))
            # Anything but a quarter turn or a mirror is not a camera's doing; such pictures are left as they are.
            if abs(a * d - b * c) == 1 and (a == 0) == (d == 0):
                return a, b, c, d
    return UPRIGHT


def degrees(matrix: Orientation) -> int:
    """Counter-clockwise turn that makes the picture upright: 0, 90, 180 or 270 (a mirror is not counted)."""
    a, b, _, d = matrix
    if a == 0:
        return 90 if b < 0 else 270
    return 180 if d < 0 else 0


def oriented(pixels: NDArray[np.uint8], matrix: Orientation) -> NDArray[np.uint8]:
    """`[H, W, 3]` as coded to `[H', W', 3]` as shown."""
    a, b, c, d = matrix
    if a == 0:
        pixels, across, down = pixels.transpose(1, 0, 2), c, b
    else:
        across, down = a, d
    return pixels[:: 1 if down > 0 else -1, :: 1 if across > 0 else -1]


def rgb(frame: Any, matrix: Orientation, size: tuple[int, int]) -> NDArray[np.uint8]:
    """A PyAV frame as `[height, width, 3]` uint8 of `size` = (height, width), cropped around its center.

    The whole picture is scaled first and cropped afterward: with swscale that costs less than a crop that copies.
    """
    height, width = size
    turned = matrix[0] == 0
    shown = (frame.width, frame.height) if turned else (frame.height, frame.width)
    scale = max(height / shown[0], width / shown[1])
    whole = max(height, round(shown[0] * scale)), max(width, round(shown[1] * scale))
    coded = whole[::-1] if turned else whole
    # Bilinear; the two steps YUV -> small YUV -> RGB are no faster than one since FFmpeg 8.
    scaled = frame.reformat(width=coded[1], height=coded[0], format="rgb24", interpolation="BILINEAR")
    pixels = oriented(scaled.to_ndarray(), matrix)
    top, left = (whole[0] - height) // 2, (whole[1] - width) // 2
    return pixels[top : top + height, left : left + width]


def fitted(pixels: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """An upright `[H, W, 3]` picture cropped around its center and scaled to `size` = (height, width)."""
    height, width = size
    if pixels.shape[:2] == size:
        return pixels
    scale = max(height / pixels.shape[0], width / pixels.shape[1])
    down, across = height / scale, width / scale
    top, left = (pixels.shape[0] - down) / 2, (pixels.shape[1] - across) / 2
    box = (left, top, left + across, top + down)
    return np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.BILINEAR, box=box))
