"""A packet table made from a recording by reading it through once.

A stream gets into the table only where each packet is a slice of the file (not so in MPEG-TS, nor where Matroska laces
frames or strips their headers) and every time is told and makes sense; others are decoded through their container.
"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mmssl.data.decode.pyav_container import ContainerMedia
from mmssl.data.decode.pyav_demux import BROKEN, DECODERS, Demuxer, Track
from mmssl.data.decode.pyav_skip import may_skip
from mmssl.data.decode.reader import Source
from mmssl.data.packets.droppable import Droppable, droppable_in, never
from mmssl.data.packets.table import DROPPABLE, HIDDEN, KEY, Coding, PacketTable, StreamPackets

PICTURES = frozenset({"mov", "matroska"})  # where the times of packets are those of their pictures
SOUNDS = PICTURES | {"mp3", "flac", "wav", "aac", "aiff", "w64", "ogg"}
NEAR = 320  # bytes from where a container says that a packet lies to where it does, over the header of a block or page

ReadAt = Callable[[int, int], bytes]  # (offset, count) -> the bytes there, of the file


class _UnfitError(Exception):
    """A stream that cannot be decoded by a table."""


@dataclass
class _Rows:
    """The packets of one stream, as they come."""

    track: Track
    droppable: Droppable
    hides: bool  # pictures of VP8 may be coded and never shown
    rows: list[tuple[int, ...]] = field(default_factory=list)
    fit: bool = True

    def add(self, packet: Any, read_at: ReadAt, size: int) -> None:
        """Take the next packet.

        Raises:
            _UnfitError: it is no slice of the file, or its times are not told.
        """
        if packet.pts is None or packet.pos is None or packet.pos < 0 or packet.is_corrupt:
            raise _UnfitError
        content = bytes(packet)
        begin = max(packet.pos, self.rows[-1][0] + self.rows[-1][1] if self.rows else 0)
        there = read_at(begin, max(min(len(content) + NEAR, size - begin), 0)).find(content)
        if there < 0:
            raise _UnfitError
        hidden = packet.is_discard or (self.hides and not content[0] & 0x10)  # RFC 6386, 9.1: show_frame
        flags = KEY * packet.is_keyframe | DROPPABLE * self.droppable(content) | HIDDEN * hidden
        row = (begin + there, len(content), packet.pts, packet.duration or 0)
        self.rows.append((*row, *self._left_out(packet), flags, zlib.crc32(content) & 0xFF))

    def _left_out(self, packet: Any) -> tuple[int, int]:
        """Samples to leave out at the beginning and at the end of what the packet decodes to."""
        first = last = 0
        for data in packet.iter_sidedata():
            if data.data_type != "skip_samples":
                raise _UnfitError
            first, last = np.frombuffer(bytes(data)[:8], "<u4").tolist()
            # Elsewhere than at the start it would depend on where reading began.
            if first and self.track.seconds(packet.pts) > self.track.start:
                raise _UnfitError
        return first, last


def build(media: ContainerMedia, source: Source, read_at: ReadAt, size: int) -> PacketTable | None:
    """The table of a recording; None where no stream of it can be decoded by one.

    Args:
        media: the recording, open.
        source: the same, to be opened again.
        read_at: of its bytes.
        size: bytes.
    """
    container = media.info.container
    codecs = {track.index: media.demuxer.stream(track).codec_context for track in (media.video, media.audio) if track}
    found: dict[int, _Rows] = {}
    if media.video is not None and container in PICTURES:
        context = codecs[media.video.index]
        codec = context.codec.canonical_name
        rule = droppable_in(codec, context.extradata or b"") if may_skip(container, codec) else never
        found[media.video.index] = _Rows(media.video, rule, codec == "vp8")
    if media.audio is not None and container in SOUNDS:
        found[media.audio.index] = _Rows(media.audio, never, hides=False)
    if not found:
        return None
    demuxer = Demuxer(source, media.demuxer.name)
    try:
        for packet in demuxer.container.demux([demuxer.container.streams[index] for index in found]):
            rows = found.get(packet.stream.index)
            if rows and rows.fit and packet.size:
                try:
                    rows.add(packet, read_at, size)
                except _UnfitError:
                    rows.fit = False
    except IndexError:
        pass  # the end, see `Demuxer.packets`
    except BROKEN:
        return None
    finally:
        demuxer.close()
    built = {index: _stream(rows, codecs[index]) for index, rows in found.items()}
    video = built.get(media.video.index) if media.video else None
    audio = built.get(media.audio.index) if media.audio else None
    if video is None and audio is None:
        return None
    packets = sum(len(stream.stamp) for stream in (video, audio) if stream)
    streams = len(media.demuxer.container.streams)
    return PacketTable(size, streams, media.info, media.matrix, packets, lambda: video, lambda: audio)


def _stream(rows: _Rows, context: Any) -> StreamPackets | None:
    if not rows.fit or not rows.rows or context.name not in DECODERS:
        return None
    pictures = context.type == "video"
    codec, extradata = context.codec.canonical_name, context.extradata or b""
    if codec == "opus" and len(extradata) >= 12:
        # The pre-skip (RFC 7845, 5.1), which the decoder would leave out wherever decoding begins.
        extradata = extradata[:10] + b"\0\0" + extradata[12:]
    coding = Coding(
        codec=codec,
        decoder=context.name,
        extradata=extradata,
        tag=context.codec_tag,
        size=(context.width, context.height) if pictures else (0, 0),
        sample_rate=0 if pictures else context.sample_rate,
        layout="" if pictures else context.layout.name,
        reorder=context.reorder_depth if pictures else 0,
    )
    offset, size, stamp, duration, skip, trim, flags, check = np.array(rows.rows, np.int64).T
    stream = StreamPackets(
        coding, rows.track, offset, size, stamp, duration, skip, trim, flags.astype(np.uint8), check.astype(np.uint8)
    )
    return stream if stream.makes_sense() else None
