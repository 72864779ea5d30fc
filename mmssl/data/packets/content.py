"""The packets that a table names, read from the file and compared with what they were."""

import zlib
from collections.abc import Iterator
from typing import Any

import av

from mmssl.data.packets.table import KEY, Ints, StreamPackets
from mmssl.data.slices import Slice

GAP = 1 << 16  # bytes of other streams that are read over rather than around
READ = 1 << 21  # bytes at once


class DoubtError(Exception):
    """What a table promises is not what is there; the container decides."""


def contents(stream: StreamPackets, numbers: Ints, part: Slice) -> Iterator[tuple[int, memoryview]]:
    """Some packets of a stream in ascending order, each with its number; neighbors are read at once.

    Raises:
        DoubtError: a packet is not the one that the table was made of.
        MediaError: they cannot be read.
    """
    offsets, sizes = stream.offset[numbers].tolist(), stream.size[numbers].tolist()
    checks = stream.check[numbers].tolist()
    first = 0
    while first < len(offsets):
        begin, end, last = offsets[first], offsets[first] + sizes[first], first + 1
        while last < len(offsets) and offsets[last] - end <= GAP and offsets[last] + sizes[last] - begin <= READ:
            end = offsets[last] + sizes[last]
            last += 1
        data = memoryview(part.read_at(begin, end - begin))
        for at in range(first, last):
            content = data[offsets[at] - begin :][: sizes[at]]
            if zlib.crc32(content) & 0xFF != checks[at]:
                raise DoubtError
            yield at, content
        first = last


def packets(stream: StreamPackets, numbers: Ints, part: Slice) -> Iterator[Any]:
    """The same as PyAV packets, which own what they hold, and the room behind it that decoders read over.

    Raises:
        DoubtError: a packet is not the one that the table was made of.
        MediaError: they cannot be read.
    """
    stamps, keys = stream.stamp[numbers].tolist(), (stream.flags[numbers] & KEY).tolist()
    for at, content in contents(stream, numbers, part):
        packet = av.Packet(len(content))
        packet.update(content)
        packet.pts = packet.dts = stamps[at]
        packet.is_keyframe = bool(keys[at])
        yield packet
