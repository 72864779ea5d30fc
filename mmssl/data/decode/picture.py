"""A decoded picture made upright, cropped to the wanted aspect ratio and scaled."""

from typing import Any

import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter
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


class Scaler:
    """Turns PyAV frames into upright RGB pictures of one size, cropped around their center.

    Bilinear, and in two steps where a picture is YUV 4:2:0: scaled as such, then converted. That takes half the time of
    one step to RGB and differs by 1 gray level on average, as color is scaled at half the size. The contexts are kept,
    since making one takes as long as scaling a small picture; one thread each, since starting more takes longer still
    and the workers already use every core.

    Args:
        size: (height, width) of the pictures.
        matrix: how the frames want to be turned.
    """

    def __init__(self, size: tuple[int, int], matrix: Orientation) -> None:
        self.size, self.matrix = size, matrix
        self._scale, self._convert = VideoReformatter(), VideoReformatter()

    def __call__(self, frame: Any) -> NDArray[np.uint8]:
        """`[height, width, 3]` of a frame."""
        height, width = self.size
        turned = self.matrix[0] == 0
        shown = (frame.width, frame.height) if turned else (frame.height, frame.width)
        scale = max(height / shown[0], width / shown[1])
        whole = max(height, round(shown[0] * scale)), max(width, round(shown[1] * scale))
        down, across = whole[::-1] if turned else whole
        planar = frame.format.name if frame.format.name in ("yuv420p", "yuvj420p") else "rgb24"
        # The whole picture is scaled and then cropped, which costs less than a crop that copies.
        scaled = self._scale.reformat(frame, across, down, planar, interpolation=Interpolation.BILINEAR, threads=1)
        scaled = self._convert.reformat(scaled, across, down, "rgb24", interpolation=Interpolation.BILINEAR, threads=1)
        # A view of the plane, whose lines may be longer: `to_ndarray` would copy, and whoever asked copies anyway.
        plane = scaled.planes[0]
        lines = np.frombuffer(memoryview(plane), np.uint8).reshape(down, plane.line_size)
        pixels = oriented(lines[:, : 3 * across].reshape(down, across, 3), self.matrix)
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
