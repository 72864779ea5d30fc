"""How `mmssl pack --reencode` encodes pictures."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Profile:
    """One way to encode pictures.

    Attributes:
        name: as the user gives it.
        encoder: FFmpeg's name of it.
        formats: of pixels that are encoded as they are; others become the first.
        gop: pictures from one that needs no other to the next.
        options: of the encoder.
        jpeg_colors: pixels from 0 to 255 in the colors of BT.601, which a JPEG decoder takes for granted.
        even: sides must be, as color has half of them.
        short_side: larger pictures are scaled to this many pixels; 0 keeps their size.
    """

    name: str
    encoder: str
    formats: tuple[str, ...]
    gop: int
    options: tuple[tuple[str, str], ...]
    jpeg_colors: bool = False
    even: bool = True
    short_side: int = 0

    def size(self, width: int, height: int) -> tuple[int, int]:
        """(width, height) of the pictures that come out; they are never enlarged by more than a pixel."""
        scale = min(1.0, self.short_side / min(width, height)) if self.short_side else 1.0
        step = 2 if self.even else 1
        return max(step, round(width * scale / step) * step), max(step, round(height * scale / step) * step)

    def told(self) -> dict[str, Any]:
        """For the records of a pack: a folder holds one profile."""
        return {**asdict(self), "formats": list(self.formats), "options": dict(self.options)}


FAST = Profile(
    "fast",
    "libx264",
    ("yuv420p", "yuvj420p"),
    gop=14,
    # Every second picture is one that no other needs (b-adapt=0), so that a clip of every second picture, if it begins
    # on the right one, decodes half of them. x264's own choice of B-frames takes fewer bytes but more decoding.
    options=(
        ("preset", "medium"),
        ("crf", "23"),
        ("tune", "fastdecode"),
        ("bf", "1"),
        ("x264-params", "b-adapt=0:lookahead-threads=1"),
    ),
)
MJPEG = Profile(
    "mjpeg",
    "mjpeg",
    ("yuvj420p",),
    gop=1,
    options=(("huffman", "optimal"), ("qmin", "4"), ("qmax", "4")),
    jpeg_colors=True,
    even=False,
)
PROFILES = (FAST, MJPEG)
