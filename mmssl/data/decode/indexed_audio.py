"""Sound by time from a packet table: the packets of a window and what its first needs before it, nothing else."""

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.audio.fifo import AudioFifo
from numpy.typing import NDArray

from mmssl.data.decode.contexts import new_context
from mmssl.data.decode.pyav_audio import SLACK, preroll, samples_of
from mmssl.data.decode.timeline import MARGIN, Piece, mono, window
from mmssl.data.packets.content import DoubtError, contents, packets
from mmssl.data.packets.table import Ints, StreamPackets
from mmssl.data.slices import Slice

# Sound that is stored as it is, in the form and range that FFmpeg's decoders give.
PCM: dict[str, np.dtype[Any]] = {
    "pcm_u8": np.dtype("u1"),
    "pcm_s16le": np.dtype("<i2"),
    "pcm_s32le": np.dtype("<i4"),
    "pcm_f32le": np.dtype("<f4"),
    "pcm_f64le": np.dtype("<f8"),
}
MIXED = 1 << 15  # samples at once
SAME = 1e-7  # s; times that differ by less are one


@dataclass
class Decoded:
    """What packets decode to, one part a frame.

    Attributes:
        samples: [n] of all parts, one after the other, mixed to one channel.
        rate: Hz.
        times: [P] seconds at which the parts begin.
        counts: [P] samples of each.
        early: [P] of these, how many at its beginning are not sound.
        late: [P] the same at its end.
    """

    samples: NDArray[np.float32]
    rate: int
    times: NDArray[np.float64]
    counts: Ints
    early: Ints
    late: Ints


def sound(stream: StreamPackets, part: Slice, start: float, samples: int, sample_rate: int) -> NDArray[np.float32]:
    """See `Media.sound`.

    Raises:
        DoubtError: the container must be asked.
        MediaError: the file cannot be read.
        FFmpegError, ValueError: a packet does not decode.
    """
    track, end = stream.track, start + samples / sample_rate
    begin, until = start - MARGIN, end + MARGIN
    if end <= track.start or begin >= track.end + SLACK:
        return np.zeros(samples, np.float32)
    before = preroll(stream.coding.codec, stream.coding.sample_rate, float(stream.lasts[0]))
    ends = stream.seconds + stream.lasts
    first, last = np.searchsorted(ends, [begin - before, until]).tolist()
    numbers = np.arange(first, min(last + 1, len(ends)))
    if not len(numbers):
        raise DoubtError
    decoded = (_stored if stream.coding.codec in PCM else _decoded)(stream, part, numbers)
    if decoded.times[0] > max(begin, track.start, stream.seconds[0]) + SAME:
        raise DoubtError
    reached = decoded.times + (decoded.counts - decoded.early - decoded.late) / decoded.rate
    if reached[-1] < until and (last + 1 < len(ends) or reached[-1] + SLACK < min(end, track.end)):
        raise DoubtError
    pieces = _pieces(decoded, reached, begin, until)
    if not all(np.isfinite(piece.samples).all() for piece in pieces):
        raise DoubtError
    return window(pieces, start, samples, sample_rate)


def _pieces(decoded: Decoded, reached: NDArray[np.float64], begin: float, until: float) -> list[Piece]:
    """From the first that reaches beyond `begin` to the first that reaches `until`."""
    first = int(np.argmax(reached > begin))
    last = min(int(np.searchsorted(reached, until)), len(reached) - 1)
    edges = np.concatenate([[0], np.cumsum(decoded.counts)])
    times, counts = decoded.times[first : last + 1], decoded.counts[first : last + 1]
    cut = decoded.early[first : last + 1].any() or decoded.late[first : last + 1].any()
    even = times[0] + np.concatenate([[0], np.cumsum(counts)[:-1]]) / decoded.rate
    if not cut and np.abs(even - times).max() < SAME:
        return [Piece(float(times[0]), decoded.rate, decoded.samples[edges[first] : edges[last + 1]])]
    return [
        Piece(
            float(decoded.times[number]),
            decoded.rate,
            decoded.samples[edges[number] + decoded.early[number] : edges[number + 1] - decoded.late[number]],
        )
        for number in range(first, last + 1)
    ]


def _decoded(stream: StreamPackets, part: Slice, numbers: Ints) -> Decoded:
    """Packets decoded, by a new decoder each time.

    AAC's noise goes on where it was: a decoder that is kept would give the same window otherwise each time.
    """
    context, track, mixer = new_context(stream.coding, 0), stream.track, _Mixer()
    columns = (stream.stamp, stream.seconds, stream.skip, stream.trim)
    told = {stamp: rest for stamp, *rest in zip(*(column[numbers].tolist() for column in columns), strict=True)}
    parts: list[tuple[float, int, int, int]] = []
    rate = 0
    follows = track.start  # for frames without a time
    for packet in (*packets(stream, numbers, part), None):
        for frame in context.decode(packet):
            count, stamp = frame.samples, frame.pts
            if not parts:
                rate = frame.sample_rate
            if (stamp is not None and stamp not in told) or frame.sample_rate != rate or not count:
                raise DoubtError
            time, skip, trim = (follows, 0, 0) if stamp is None else told[stamp]
            if skip:
                # To the nearest tick, halves up, as FFmpeg moves the time of what it cuts.
                time = track.seconds(stamp + math.floor(Fraction(skip, rate) / track.tick + Fraction(1, 2)))
            early = max(0, round((track.start - time) * rate)) if time < track.start else 0
            follows = time + (count - skip - trim) / rate
            if skip + early + trim < count:
                parts.append((time + early / rate, count, skip + early, trim))
                mixer.add(frame)
    if not parts:
        raise DoubtError
    times, *rest = zip(*parts, strict=True)
    counts, early_of, late_of = (np.array(column, np.int64) for column in rest)
    return Decoded(mixer.all(), rate, np.array(times), counts, early_of, late_of)


class _Mixer:
    """Frames mixed to one channel, some at a time.

    To begin takes longer than to mix one, and all together are many times what fits into the processor's cache.
    """

    def __init__(self) -> None:
        self._waiting, self._mixed = AudioFifo(), list[NDArray[np.float32]]()
        self._kind = ("", 0)

    def add(self, frame: Any) -> None:
        """Take the next frame, whose time is forgotten."""
        kind = frame.format.name, frame.layout.nb_channels
        if kind != self._kind:  # PyAV's queue does not look at channels, and would read some that are not there
            self._mix()
            self._waiting, self._kind = AudioFifo(), kind
        frame.pts = None  # a queue would not take one that leaves a gap
        self._waiting.write(frame)
        if self._waiting.samples >= MIXED:
            self._mix()

    def all(self) -> NDArray[np.float32]:
        """`[n]` of all frames."""
        self._mix()
        return self._mixed[0] if len(self._mixed) == 1 else np.concatenate(self._mixed)

    def _mix(self) -> None:
        if self._waiting.samples:
            self._mixed.append(mono(samples_of(self._waiting.read())))


def _stored(stream: StreamPackets, part: Slice, numbers: Ints) -> Decoded:
    """Samples as they stand in the file."""
    coding, kind = stream.coding, PCM[stream.coding.codec]
    channels = av.AudioLayout(coding.layout).nb_channels
    data = b"".join(content for _, content in contents(stream, numbers, part))
    counts = stream.size[numbers] // (kind.itemsize * channels)
    if (counts * kind.itemsize * channels != stream.size[numbers]).any() or stream.skip[numbers].any():
        raise DoubtError
    times = stream.seconds[numbers]
    early = np.maximum(np.rint((stream.track.start - times) * coding.sample_rate), 0).astype(np.int64)
    if (early >= counts).any():
        raise DoubtError
    samples: NDArray[Any] = np.frombuffer(data, kind).reshape(-1, channels).T
    return Decoded(
        mono(samples), coding.sample_rate, times + early / coding.sample_rate, counts, early, stream.trim[numbers]
    )
