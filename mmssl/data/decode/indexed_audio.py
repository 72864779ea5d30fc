"""Sound by time from a packet table: the packets of a window and what its first needs before it, nothing else."""

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from mmssl.data.decode.contexts import new_context
from mmssl.data.decode.pyav_audio import SLACK, preroll, samples_of
from mmssl.data.decode.timeline import MARGIN, Piece, mono, window
from mmssl.data.packets.content import DoubtError, contents, packets
from mmssl.data.packets.table import Ints, StreamPackets
from mmssl.data.ranges import Slice

# (bytes of a packet) -> samples, for sound that is stored as it is, in the form and range of FFmpeg's decoders.
PCM: dict[str, np.dtype[Any]] = {
    "pcm_u8": np.dtype("u1"),
    "pcm_s16le": np.dtype("<i2"),
    "pcm_s32le": np.dtype("<i4"),
    "pcm_f32le": np.dtype("<f4"),
    "pcm_f64le": np.dtype("<f8"),
}

Raw = tuple[float, int, NDArray[Any]]  # second, sample rate, [channels, n]


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
    first = int(np.searchsorted(stream.seconds + stream.lasts, begin - before, side="left"))
    # One more than seems to be needed: a packet may give less than it says, at the very end.
    last = int(np.searchsorted(stream.seconds, until, side="left")) + 1
    numbers = np.arange(first, min(last, len(stream.stamp)))
    if not len(numbers):
        raise DoubtError
    raw = (_stored if stream.coding.codec in PCM else _decoded)(stream, part, numbers, until)
    if not raw or raw[0][0] > max(begin, track.start, stream.seconds[0]) + 1e-6:
        raise DoubtError
    reached = raw[-1][0] + raw[-1][2].shape[1] / raw[-1][1]
    if reached < until and (last < len(stream.stamp) or reached + SLACK < min(end, track.end)):
        raise DoubtError
    pieces = [piece for piece in _mixed(raw) if piece.time + len(piece.samples) / piece.sample_rate > begin]
    if not all(np.isfinite(piece.samples).all() for piece in pieces):
        raise DoubtError
    return window(pieces, start, samples, sample_rate)


def _decoded(stream: StreamPackets, part: Slice, numbers: Ints, until: float) -> list[Raw]:
    """What packets decode to, without priming, up to second `until`.

    Each time by a new decoder: AAC's noise goes on where it was, so that a kept one would give other sound each time.
    """
    context, track, raw = new_context(stream.coding, 0), stream.track, list[Raw]()
    columns = (stream.stamp, stream.seconds, stream.skip, stream.trim)
    told = {stamp: rest for stamp, *rest in zip(*(column[numbers].tolist() for column in columns), strict=True)}
    follows = track.start  # for frames without a time
    for packet in (*packets(stream, numbers, part), None):
        for frame in context.decode(packet):
            if frame.pts is not None and frame.pts not in told:
                raise DoubtError
            time, skip, trim = told.get(frame.pts, (follows, 0, 0))
            rate = frame.sample_rate
            if skip:
                # To the nearest tick, halves up, as FFmpeg moves the time of what it cuts.
                time = track.seconds(frame.pts + math.floor(Fraction(skip, rate) / track.tick + Fraction(1, 2)))
            early = skip + max(0, round((track.start - time) * rate))
            until_sample = frame.samples - trim
            if until_sample > early:
                raw.append((time + (early - skip) / rate, rate, samples_of(frame)[:, early:until_sample]))
            follows = time + (until_sample - skip) / rate
        if raw and follows >= until:
            break
    return raw


def _stored(stream: StreamPackets, part: Slice, numbers: Ints, until: float) -> list[Raw]:
    """Samples as they stand in the file."""
    coding, track = stream.coding, stream.track
    channels = av.AudioLayout(coding.layout).nb_channels
    raw, kind = [], PCM[coding.codec]
    for at, content in contents(stream, numbers, part):
        samples: NDArray[Any] = np.frombuffer(content, kind).reshape(-1, channels).T
        time = float(stream.seconds[numbers[at]])
        early = max(0, round((track.start - time) * coding.sample_rate))
        if samples.shape[1] > early:
            raw.append((time + early / coding.sample_rate, coding.sample_rate, samples[:, early:]))
    return raw


def _mixed(raw: Sequence[Raw]) -> list[Piece]:
    """Pieces of one channel; those of a kind are mixed together, which is quicker than one by one."""
    kinds = {(samples.dtype, len(samples)) for _, _, samples in raw}
    if len(kinds) > 1:
        return [Piece(time, rate, mono(samples)) for time, rate, samples in raw]
    whole = mono(np.concatenate([samples for _, _, samples in raw], axis=1))
    pieces, place = [], 0
    for time, rate, samples in raw:
        pieces.append(Piece(time, rate, whole[place : place + samples.shape[1]]))
        place += samples.shape[1]
    return pieces
