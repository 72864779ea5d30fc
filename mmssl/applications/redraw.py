"""A film with other pictures: same times, same sound."""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from mmssl.applications.film_writing import PLAYED, Copied, Silent, Sound, carried, check_target, written
from mmssl.data.decode.access import checked
from mmssl.data.decode.limits import Limits
from mmssl.data.decode.pyav import PyAVMedia
from mmssl.data.decode.pyav_demux import opened

TICK = Fraction(1, 90_000)  # of pictures; as MPEG, and exact for all common frame rates
BT709 = 1  # in every enumeration of ITU-T H.273

Draw = Callable[[float, NDArray[np.uint8]], NDArray[np.uint8]]  # seconds and [H, W, 3] RGB to [H, W, 3]


@dataclass(frozen=True)
class Redrawn:
    """What was written; `copied` says that the sound was not encoded again."""

    pictures: int
    copied: bool


def redraw(path: str, media: PyAVMedia, out: Path, draw: Draw, size: tuple[int, int] | None = None) -> Redrawn:
    """Write a film anew with each picture replaced; H.264, with the sound copied where players take it from `out`.

    A picture of odd width or height loses its last column or row, which H.264 in its common form cannot hold.

    Args:
        path: of the film.
        media: the same film, open.
        out: file to write, .mp4, .mov or .mkv; it appears when it is complete.
        draw: called for each picture in order.
        size: height and width of what is drawn; the film's own when None.

    Raises:
        UsageError: another ending, the film itself, or `out` cannot be written.
        MediaError: the film cannot be read to its end.
    """
    check_target(out, [path])
    with written(out) as container, opened(checked(path, path, Limits().size), path) as source:
        video = _video(media, container, size)
        sound = _sound(path, source, media, container, PLAYED[out.suffix.lower()])
        count = _pictures(media, container, video, sound, draw)
    return Redrawn(count, isinstance(sound, Copied))


def _sound(path: str, source: Any, media: PyAVMedia, out: Any, played: frozenset[str] | None) -> Sound:
    if media.info.audio is None:
        return Silent()
    stream = next(s for s in source.streams.audio if s.codec_context.codec.canonical_name == media.info.audio.codec)
    # From the container's clock to the recording's, on which the pictures are.
    shift = round(Fraction(media.info.audio.start) / stream.time_base) - (stream.start_time or 0)
    return carried(source, stream, path, out, shift, played)


def _video(media: PyAVMedia, out: Any, size: tuple[int, int] | None) -> Any:
    """The stream that the pictures go into."""
    info = media.info.video
    assert info is not None
    video = out.add_stream("libx264", rate=Fraction(info.fps or 25).limit_denominator(1001))
    video.options = {"preset": "veryfast", "crf": "18"}
    height, width = size or (info.height, info.width)
    video.width, video.height, video.pix_fmt = width // 2 * 2, height // 2 * 2, "yuv420p"
    context = video.codec_context
    context.time_base = TICK
    context.colorspace = context.color_primaries = context.color_trc = BT709
    context.color_range = 1  # 16 to 235
    return video


def _pictures(media: PyAVMedia, out: Any, video: Any, sound: Sound, draw: Draw) -> int:
    count = 0
    for time, pixels in media.pictures():
        drawn = draw(time, pixels)[: video.height, : video.width]
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(drawn), format="rgb24")
        picture = frame.reformat(format="yuv420p", dst_colorspace="ITU709")
        picture.pts, picture.time_base = round(time / TICK), TICK
        out.mux(video.encode(picture))
        sound.upto(time)
        count += 1
    out.mux(video.encode(None))
    sound.upto(float("inf"))
    return count
