"""A packet table as bytes: facts as JSON, columns of small differences, compressed; 2 to 4 kB for 10 s.

The bytes may come from strangers. Nothing is executed, every count and offset is checked against the file, and what
does not fit is no table at all.
"""

import base64
import json
import struct
import zlib
from collections.abc import Sequence
from dataclasses import asdict
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np

from mmssl.data.decode.pyav_demux import DECODERS, Track
from mmssl.data.decode.reader import AudioInfo, MediaInfo, VideoInfo
from mmssl.data.packets.table import Coding, Ints, PacketTable, StreamPackets

FORMAT = 1
_HEAD = struct.Struct(">4sBII")  # magic, format, CRC-32 of what follows, its length when decompressed
_MAGIC = b"mmpk"
_UNPACKED = 1 << 24  # bytes that a table may decompress to
MOST = 1 << 21  # packets
_KINDS = ("i1", "i2", "i4", "i8")


def encode(table: PacketTable) -> bytes | None:
    """The bytes of a table; None where packets overlap, or are more than is kept."""
    streams = [stream for stream in (table.video, table.audio) if stream is not None]
    owner = np.repeat(np.arange(len(streams)), [len(stream.offset) for stream in streams])
    offset = np.concatenate([stream.offset for stream in streams])
    size = np.concatenate([stream.size for stream in streams])
    # In the order of the file most packets begin where the one before ends.
    order = np.argsort(offset, kind="stable")
    owner, offset, size = owner[order], offset[order], size[order]
    gap = offset - np.concatenate([[0], (offset + size)[:-1]])
    if len(owner) > MOST or (gap < 0).any():
        return None
    columns = [owner, gap, size]
    for stream in streams:
        columns += [np.diff(column, prepend=_before(column)) for column in (stream.stamp, stream.duration)]
        columns += [stream.skip, stream.trim, stream.flags, stream.check.view(np.int8)]
    kinds = [_kind(column) for column in columns]
    facts: dict[str, Any] = {
        "size": table.size,
        "streams": table.streams,
        "info": asdict(table.info),
        "matrix": table.matrix,
        "video": None if table.video is None else _stream_facts(table.video),
        "audio": None if table.audio is None else _stream_facts(table.audio),
        "columns": [[kind, len(column), int(column[0])] for kind, column in zip(kinds, columns, strict=True)],
    }
    told = json.dumps(facts, separators=(",", ":")).encode()
    # The bytes of a column by their place: the high ones are nearly all alike.
    planes = [
        column.astype(f"<{kind}").view(np.uint8).reshape(len(column), -1).T.tobytes()
        for kind, column in zip(kinds, columns, strict=True)
        if kind
    ]
    raw = b"".join([struct.pack(">I", len(told)), told, *planes])
    body = zlib.compress(raw, 9)
    return _HEAD.pack(_MAGIC, FORMAT, zlib.crc32(body), len(raw)) + body


def _kind(column: Ints) -> str:
    """The narrowest that holds all of it; "" for one that stays the same."""
    least, most = column.min(), column.max()
    fitting = (kind for kind in _KINDS if np.iinfo(kind).min <= least and most <= np.iinfo(kind).max)
    return "" if least == most else next(fitting)


def _before(column: Ints) -> int:
    """What comes before the first, were the first difference like the second."""
    return int(2 * column[0] - column[1]) if len(column) > 1 else int(column[0])


def _stream_facts(stream: StreamPackets) -> dict[str, Any]:
    track, coding = stream.track, asdict(stream.coding)
    return {
        "coding": coding | {"extradata": base64.b64encode(stream.coding.extradata).decode()},
        "before": [_before(stream.stamp), _before(stream.duration)],
        "index": track.index,
        "tick": [track.tick.numerator, track.tick.denominator],
        "zero": [track.zero.numerator, track.zero.denominator],
        "start": track.start,
        "end": track.end,
        "exact": track.exact,
    }


def decode(data: bytes, size: int) -> PacketTable | None:
    """A table of a file of `size` bytes; None when it is damaged, of another version or of another file.

    Its streams are made when they are first asked for, since mostly one is, and looked at then: None for one that
    cannot be.
    """
    try:
        magic, version, check, length = _HEAD.unpack_from(data)
        body = data[_HEAD.size :]
        if (magic, version) != (_MAGIC, FORMAT) or length > _UNPACKED or zlib.crc32(body) != check:
            return None
        raw = zlib.decompressobj().decompress(body, length)  # no more, whatever it would grow to
        told = int.from_bytes(raw[:4], "big")
        facts = json.loads(raw[4 : 4 + told])
        return _table(facts, _Columns(raw, 4 + told, facts["columns"]), size)
    except _IMPOSSIBLE:
        # Whatever a hostile table may do wrong: the container itself is then opened.
        return None


_IMPOSSIBLE = (struct.error, zlib.error, ValueError, KeyError, TypeError, IndexError, ArithmeticError, RecursionError)


class _Columns:
    """The columns of a table: three of all packets in the order of the file, then six of each stream.

    Args:
        raw: of the table, decompressed.
        place: in it where the first column begins.
        shapes: (kind, count, first value) of each.

    Raises:
        ValueError, TypeError, IndexError: these are not columns.
    """

    def __init__(self, raw: bytes, place: int, shapes: Sequence[Any]) -> None:
        self._raw, self._found = raw, list[tuple[str, int, int, int]]()
        for kind, count, first in shapes:
            if type(count) is not int or not 0 < count <= MOST:
                raise ValueError(count)
            self._found.append((kind, count, first, place))
            place += count * np.dtype(_KINDS[_KINDS.index(kind)]).itemsize if kind else 0
        self.packets = self._found[0][1]

    def __getitem__(self, number: int) -> Ints:
        kind, count, first, place = self._found[number]
        if not kind:
            return np.full(count, first, np.int64)
        width = np.dtype(kind).itemsize
        column = np.frombuffer(self._raw, np.int8, count * width, place)
        if width > 1:
            column = column.reshape(width, count).T.ravel().view(f"<{kind}")
        return column.astype(np.int64)

    def of(self, stream: int) -> list[Ints]:
        """The six of a stream."""
        return [self[3 + 6 * stream + number] for number in range(6)]

    def places(self, stream: int, size: int) -> tuple[Ints, Ints]:
        """Offset and size of each packet of a stream.

        Raises:
            ValueError: they are not within a file of `size` bytes.
        """
        owner, gap, length = self[0], self[1], self[2]
        if length.min() < 1 or length.max() > size or gap.min() < 0 or gap.max() > size:
            raise ValueError(size)
        ends = np.cumsum(gap + length)
        if ends[-1] > size:
            raise ValueError(size)
        mine = np.flatnonzero(owner == stream)
        sizes = length[mine]
        return ends[mine] - sizes, sizes


def _table(facts: dict[str, Any], columns: _Columns, size: int) -> PacketTable | None:
    a, b, c, d = (int(sign) for sign in facts["matrix"])
    info = MediaInfo(
        str(facts["info"]["container"]),
        float(facts["info"]["duration"]),
        None if facts["info"]["video"] is None else VideoInfo(**facts["info"]["video"]),
        None if facts["info"]["audio"] is None else AudioInfo(**facts["info"]["audio"]),
    )
    if facts["size"] != size or (a, b, c, d) not in _MATRICES or not _plausible(info):
        return None
    video, audio = facts["video"], facts["audio"]
    # A stream without its facts in `info` would be of a recording that has none.
    pictures = partial(_stream, video if info.video else None, columns, 0, size, is_sound=False)
    sounds = partial(_stream, audio if info.audio else None, columns, int(video is not None), size, is_sound=True)
    return PacketTable(size, int(facts["streams"]), info, (a, b, c, d), columns.packets, pictures, sounds)


_MATRICES = {(a, 0, 0, d) for a in (-1, 1) for d in (-1, 1)} | {(0, b, c, 0) for b in (-1, 1) for c in (-1, 1)}


def _plausible(info: MediaInfo) -> bool:
    """Whether the numbers are of a kind that the rest of the program may rely on."""
    numbers: list[Any] = [info.duration]
    if video := info.video:
        numbers += [video.start, video.duration, video.fps]
        if not (type(video.width) is type(video.height) is int and min(video.width, video.height) > 0):
            return False
        if not (isinstance(video.codec, str) and video.rotation in (0, 90, 180, 270) and type(video.variable) is bool):
            return False
    if audio := info.audio:
        numbers += [audio.start, audio.duration]
        if not (type(audio.sample_rate) is type(audio.channels) is int and min(audio.sample_rate, audio.channels) > 0):
            return False
        if not isinstance(audio.codec, str):
            return False
    return all(type(number) in (int, float) and abs(number) < 1e9 for number in numbers)


def _stream(
    told: dict[str, Any] | None, columns: _Columns, number: int, size: int, *, is_sound: bool
) -> StreamPackets | None:
    if told is None:
        return None
    try:
        stream = _told(told, columns.places(number, size), columns.of(number))
        return stream if stream.makes_sense() and (stream.coding.sample_rate > 0) == is_sound else None
    except _IMPOSSIBLE:
        return None


def _told(told: dict[str, Any], places: tuple[Ints, Ints], columns: list[Ints]) -> StreamPackets:
    stamp, duration, skip, trim, flags, check = columns
    coding = told["coding"]
    width, height = coding["size"]
    before_stamp, before_duration = (int(value) for value in told["before"])
    rate, reorder = int(coding["sample_rate"]), int(coding["reorder"])
    if coding["decoder"] not in DECODERS or len({len(column) for column in (*places, *columns)}) != 1:
        raise ValueError(coding["decoder"])
    if not (0 <= width < 1 << 16 and 0 <= height < 1 << 16 and 0 <= rate < 1 << 24 and 0 <= reorder <= 32):
        raise ValueError(coding)
    track = Track(
        int(told["index"]),
        Fraction(*told["tick"]),
        Fraction(*told["zero"]),
        float(told["start"]),
        float(told["end"]),
        bool(told["exact"]),
    )
    return StreamPackets(
        Coding(
            str(coding["codec"]),
            str(coding["decoder"]),
            base64.b64decode(coding["extradata"]),
            str(coding["tag"]),
            (int(width), int(height)),
            rate,
            str(coding["layout"]),
            reorder,
        ),
        track,
        *places,
        before_stamp + np.cumsum(stamp),
        before_duration + np.cumsum(duration),
        skip,
        trim,
        flags.astype(np.uint8),
        check.astype(np.int8).view(np.uint8),
    )
