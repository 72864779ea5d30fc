"""Pictures by presentation time from a packet table: each group of pictures decoded once, as far as needed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mmssl.data.decode.contexts import new_context
from mmssl.data.decode.picture import Orientation, Scaler
from mmssl.data.decode.pyav_video import forgiven
from mmssl.data.decode.reader import Frames
from mmssl.data.packets.content import DoubtError, packets
from mmssl.data.packets.table import DROPPABLE, Ints, StreamPackets
from mmssl.data.slices import Slice


@dataclass
class Run:
    """Packets to decode without a break: from a keyframe to the last that is wanted."""

    first: int
    last: int


def runs(stream: StreamPackets, wanted: Ints) -> list[Run]:
    """What must be decoded for some packets in order of presentation.

    Raises:
        DoubtError: a picture has no keyframe before it.
    """
    keys = stream.keys[np.searchsorted(stream.stamp[stream.keys], stream.stamp[wanted], side="right") - 1]
    found: list[Run] = []
    for key, number in zip(keys.tolist(), wanted.tolist(), strict=True):
        # With no keyframe before it, searchsorted gave the last one of all.
        if key > number or stream.stamp[key] > stream.stamp[number]:
            raise DoubtError
        if found and key <= found[-1].last + 1:
            found[-1].last = max(found[-1].last, number)
        else:
            found.append(Run(key, number))
    return found


def pictures(
    stream: StreamPackets,
    part: Slice,
    times: Sequence[float],
    size: tuple[int, int],
    matrix: Orientation,
    largest: int,
) -> Frames:
    """See `Media.frames`.

    Args:
        stream: of the pictures.
        part: the file.
        times: seconds, ascending.
        size: (height, width) to give.
        matrix: how the pictures want to be turned.
        largest: pixels of a picture as coded.

    Raises:
        DoubtError: the container must be asked.
        MediaError: the file cannot be read.
        FFmpegError, ValueError: a packet does not decode.
    """
    asked = np.asarray(times, np.float64)
    moments = stream.seconds[stream.shown]
    last = stream.shown[-1]
    if asked[-1] > stream.seconds[last] + stream.lasts[last]:
        raise DoubtError  # the last picture stays on screen only where the recording ends as it says
    places = np.maximum(np.searchsorted(moments, asked + forgiven(stream.track), side="right") - 1, 0)
    places, first, rows = np.unique(places, return_index=True, return_counts=True)
    wanted = stream.shown[places]
    pixels = np.empty((len(asked), *size, 3), np.uint8)
    where = dict(zip(stream.stamp[wanted].tolist(), zip(first.tolist(), rows.tolist(), strict=True), strict=True))
    scaled = Scaler(size, matrix)
    for frame in _decoded(new_context(stream.coding, largest), stream, part, wanted):
        if (rest := where.pop(frame.pts, None)) is None:
            continue
        if frame.is_corrupt:
            raise DoubtError
        pixels[rest[0] : sum(rest)] = scaled(frame)
    if where:
        raise DoubtError  # hidden, or failed in silence
    return Frames(pixels, np.repeat(moments[places], rows))


def _decoded(context: Any, stream: StreamPackets, part: Slice, wanted: Ints) -> Iterator[Any]:
    needed = stream.flags & DROPPABLE == 0
    needed[wanted] = True
    for number, run in enumerate(runs(stream, wanted)):
        if number:
            context.flush_buffers()
            context.reorder_depth = stream.coding.reorder
        numbers = run.first + np.flatnonzero(needed[run.first : run.last + 1])
        for packet in packets(stream, numbers, part):
            yield from context.decode(packet)
        yield from context.decode(None)
