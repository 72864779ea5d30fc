"""A contact sheet: one picture that shows the answers of a search, best first."""

from collections.abc import Sequence
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont, ImageOps

from mmssl.applications.moments import Hit, IndexedRecording
from mmssl.data.decode.reader import Media, Reader
from mmssl.data.keyed import Keyed
from mmssl.data.sources import open_recordings
from mmssl.errors import MediaError, UsageError

_TILE = (240, 180)  # width and height of one picture, pixels
_WORDS = 44  # height of the two lines below it
_GAP = 12
_RATE = 8_000  # Hz, of a drawn sound


def open_hit(recording: IndexedRecording, reader: Reader) -> Media:
    """The recording of an answer, from its file or from the shard or manifest that holds it.

    Raises:
        UsageError: the data set no longer holds it.
        MediaError: it cannot be read.
    """
    if recording.path:
        return reader.open(recording.path, recording.path)
    recordings = _opened(recording.source)
    keys = recordings.all_keys()
    if recording.member not in keys:
        raise UsageError(f"{recording.source} no longer holds {recording.member}; index it again")
    return reader.open(recordings.source(keys.index(recording.member)), recording.name)


# The answers of one search often lie in one source, whose listing takes long.
@lru_cache(maxsize=8)
def _opened(source: str) -> Keyed:
    return open_recordings(source)


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    """The one that matplotlib brings: Pillow's own has no Cyrillic and no Greek."""
    from matplotlib import get_data_path

    return ImageFont.truetype(Path(get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf", size)


def contact_sheet(hits: Sequence[Hit], title: str, path: Path, reader: Reader, columns: int = 4) -> None:
    """The middle picture of each answer with its rank, score, file and seconds."""
    rows = -(-len(hits) // columns)
    width = columns * (_TILE[0] + _GAP) + _GAP
    sheet = Image.new("RGB", (width, rows * (_TILE[1] + _WORDS + _GAP) + _GAP + 34), (250, 249, 246))
    draw, font = ImageDraw.Draw(sheet), _font(13)
    draw.text((_GAP, _GAP), _shortened(title, 110), fill=(29, 36, 48), font=_font(17))
    for rank, hit in enumerate(hits):
        x = _GAP + rank % columns * (_TILE[0] + _GAP)
        y = _GAP + 34 + rank // columns * (_TILE[1] + _WORDS + _GAP)
        sheet.paste(_picture(hit, reader), (x, y))
        first = f"{rank + 1}   {hit.score:.3f}   {hit.start:.1f}-{hit.end:.1f} s"
        draw.text((x, y + _TILE[1] + 5), first, fill=(180, 70, 43), font=font)
        draw.text((x, y + _TILE[1] + 23), _shortened(hit.recording.name, 34), fill=(106, 115, 131), font=font)
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path)


def _picture(hit: Hit, reader: Reader) -> Image.Image:
    """The whole picture, or the wave of a sound without one; a gray tile when it cannot be read any more."""
    try:
        with open_hit(hit.recording, reader) as media:
            if media.info.video is None:
                count = round((hit.end - hit.start) * _RATE)
                return _wave(media.sound(hit.start, count, _RATE))
            pixels: NDArray[np.uint8] = media.frames([(hit.start + hit.end) / 2]).pixels[0]
    except (MediaError, UsageError, OSError):  # OSError: a name that is too long
        # Its line of text still counts.
        return Image.new("RGB", _TILE, (200, 200, 200))
    return ImageOps.pad(Image.fromarray(pixels), _TILE, color=(236, 234, 228))


def _wave(sound: NDArray[np.float32]) -> Image.Image:
    """The loudest sample of each column, relative to the loudest of all."""
    tile = Image.new("RGB", _TILE, (236, 234, 228))
    draw, middle = ImageDraw.Draw(tile), _TILE[1] / 2
    peaks = [float(np.abs(part).max(initial=0.0)) for part in np.array_split(sound, _TILE[0])]
    scale = (middle - 8) / max(*peaks, 1e-6)
    for x, peak in enumerate(peaks):
        draw.line((x, middle - peak * scale, x, middle + peak * scale), fill=(106, 115, 131))
    return tile


def drawable(text: str) -> str:
    """One line of characters that a font may have: bytes of a name that are not UTF-8 are none."""
    return " ".join("".join(c if c.isprintable() or c.isspace() else "\ufffd" for c in text).split())


def _shortened(text: str, length: int) -> str:
    """One line of at most `length` characters; a long name keeps its end, which tells more."""
    line = drawable(text)
    return line if len(line) <= length else f"...{line[3 - length :]}"
