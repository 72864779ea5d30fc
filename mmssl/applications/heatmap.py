"""A heat map drawn over a picture, so that the picture can still be seen."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor
from torch.nn import functional

Picture = NDArray[np.uint8]  # [H, W, 3] RGB


@dataclass(frozen=True)
class Scale:
    """How scores of one picture become color: its median as none, `contrast` above it as the hottest.

    Scores of a film rise and fall as a whole with its sound, by more than they differ between places. Color that
    followed them would at times cover a whole picture, and at others show nothing of where it is hottest.
    """

    contrast: float

    @classmethod
    def of(cls, maps: Tensor) -> "Scale":
        """From `[M, h, w]` maps: what nine tenths of them stay below with their hottest place."""
        flat = maps.float().flatten(1)
        return cls(float((flat.amax(1) - flat.median(1).values).quantile(0.9)))

    def shares(self, heat: Tensor) -> Tensor:
        """`[h, w]` scores to [0, 1]."""
        return ((heat - heat.median()) / max(self.contrast, 1e-9)).clamp(0, 1)


@cache
def colors() -> NDArray[np.float32]:
    """`[256, 3]` RGB in [0, 255]: inferno, whose lightness rises evenly and which color-blind people can read."""
    from matplotlib import colormaps

    table: NDArray[np.float64] = colormaps["inferno"](np.linspace(0, 1, 256))[:, :3]
    return (table * 255).astype(np.float32)


def overlay(picture: Picture, heat: Tensor, scale: Scale, strength: float = 0.75) -> Picture:
    """Color where it is hot, the picture itself where it is not.

    Args:
        picture: `[H, W, 3]`.
        heat: `[h, w]` scores of the whole picture.
        scale: what they mean.
        strength: of the color at the hottest place, 0 to 1.
    """
    size = picture.shape[:2]
    shares = scale.shares(heat.float())
    share = functional.interpolate(shares[None, None], size, mode="bicubic")[0, 0].clamp(0, 1).numpy()
    color = colors()[(share * 255).astype(np.uint8)]
    # Fainter than in proportion below, so that lukewarm places do not veil the picture.
    opacity = (strength * share**1.5)[..., None]
    mixed = picture * (1 - opacity) + color * opacity
    return np.asarray(mixed, np.uint8)


def ring(picture: Picture, x: float, y: float) -> Picture:
    """A ring around a point, given as shares of width and height; dark outside and light inside for any ground."""
    image = Image.fromarray(picture)
    draw = ImageDraw.Draw(image)
    height, width = picture.shape[:2]
    radius = max(4.0, min(height, width) / 22)
    center = x * width, y * height
    for grown, color in ((1.5, (0, 0, 0)), (0, (255, 255, 255))):
        box = [center[0] - radius - grown, center[1] - radius - grown, center[0] + radius + grown]
        draw.ellipse([*box, center[1] + radius + grown], outline=color, width=max(2, round(radius / 6)))
    return np.asarray(image)


def caption(picture: Picture, text: str) -> Picture:
    """Words in the lower left corner, on a dark ground."""
    image = Image.fromarray(picture)
    draw = ImageDraw.Draw(image, "RGBA")
    size = max(9, min(picture.shape[:2]) // 18)
    font = ImageFont.load_default(size)
    corner = (size // 2, picture.shape[0] - 2 * size)
    left, top, right, bottom = draw.textbbox(corner, text, font=font)
    margin = size // 3
    draw.rounded_rectangle((left - margin, top - margin, right + margin, bottom + margin), margin, (0, 0, 0, 150))
    draw.text(corner, text, font=font, fill=(255, 255, 255, 255))
    return np.asarray(image)


def peak(heat: Tensor) -> tuple[float, float, float]:
    """Where an `[h, w]` map is highest, as shares of width and height (the mean of equal places), and how high."""
    top = heat.max()
    rows, columns = (heat == top).nonzero(as_tuple=True)
    x, y = (float(places.double().mean() + 0.5) for places in (columns, rows))
    return x / heat.shape[1], y / heat.shape[0], float(top)
