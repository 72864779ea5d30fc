"""Sound by time from a packet table: the packets of a window and what its first needs before it, nothing else."""

from collections.abc import Sequence
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from mmssl.data.decode.contexts import new_context
from mmssl.data.decode.pyav_audio import PREROLL, SLACK, samples_of
from mmssl.data.decode.timeline import MARGIN, Piece, mono, window
from mmssl.data.packets.content import Doubt, contents, packets
from mmssl.data.packets.table import Ints, StreamPackets
from mmssl.data.ranges import Slice

# (bytes of a packet) -> samples, for sound that is stored as it is, in the form and range of FFmpeg's decoders.
PCM = {
    "pcm_u8": np.dtype("u1"),
    "pcm_s16le": np.dtype("<i2"),
    "pcm_s32le": np.dtype("<i4"),
    "pcm_f32le": np.dtype("<f4"),
    "pcm_f64le": np.dtype("<f8"),
}
INDEPENDENT = frozenset({"flac", "alac", *PCM})  # codecs whose packets need none before them

Raw = tuple[float, int, NDArray[Any]]  # second, sample rate, [channels, n]


def sound(stream: StreamPackets, part: Slice, start: float, samples: int, sample_rate: int) -> NDArray[np.float32]:
    """See `Media.sound`.

    Raises:
        Doubt: the container must be asked.
        MediaError: the file cannot be read.
        FFmpegError, ValueError: a packet does not decode.
    """
    track, end = stream.track, start + samples / sample_rate
    begin, until = start - MARGIN, end + MARGIN
    if end <= track.start or begin >= track.end + SLACK:
        return np.zeros(samples, np.float32)
    first = int(np.searchsorted(stream.seconds + stream.lasts, begin - preroll(stream), side="left"))
    # One more than seems to be needed: a packet may give less than it says, at the very end.
    last = int(np.searchsorted(stream.seconds, until, side="left")) + 1
    numbers = np.arange(first, min(last, len(stream.stamp)))
    if not len(numbers):
        raise Doubt
    raw = (_stored if stream.coding.codec in PCM else _decoded)(stream, part, numbers, until)
    if not raw or raw[0][0] > max(begin, track.start + SLACK):
        raise Doubt
    reached = raw[-1][0] + raw[-1][2].shape[1] / raw[-1][1]
    if reached < until and (last < len(stream.stamp) or reached + SLACK < min(end, track.end)):
        raise Doubt
    pieces = [piece for piece in _mixed(raw) if piece.time + len(piece.samples) / piece.sample_rate > begin]
    if not all(np.isfinite(piece.samples).all() for piece in pieces):
        raise Doubt
    return window(pieces, start, samples, sample_rate)


def preroll(stream: StreamPackets) -> float:
    """Seconds before a window that must be decoded for it to be right."""
    codec, rate = stream.coding.codec, stream.coding.sample_rate
    if codec in INDEPENDENT:
        return 0.0
    # AAC overlaps with the packet before, of 1024 samples; in its forms with more, bandwidth is restored from further.
    return 1024 / rate if codec == "aac" and round(stream.lasts[0] * rate) == 1024 else PREROLL


def _decoded(stream: StreamPackets, part: Slice, numbers: Ints, until: float) -> list[Raw]:
    """What packets decode to, without priming, up to second `until`.

    Each time by a new decoder: AAC's noise goes on where it was, so that a kept one would give other sound each time.
    """
    context, track, raw = new_context(stream.coding, 0), stream.track, list[Raw]()
    times = dict(zip(stream.stamp[numbers].tolist(), stream.seconds[numbers].tolist(), strict=True))
    trims = dict(zip(stream.stamp[numbers].tolist(), stream.trim[numbers].tolist(), strict=True))
    follows = track.start  # for frames without a time
    for packet in (*packets(stream, numbers, part), None):
        for frame in context.decode(packet):
            time = follows if frame.pts is None else times.get(frame.pts)
            if time is None:
                raise Doubt
            rate, kept = frame.sample_rate, frame.samples - trims.get(frame.pts, 0)
            early = max(0, round((track.start - time) * rate))
            follows = time + kept / rate
            if kept > early:
                raw.append((time + early / rate, rate, samples_of(frame)[:, early:kept]))
        if raw and follows >= until:
            break
    return raw


def _stored(stream: StreamPackets, part: Slice, numbers: Ints, until: float) -> list[Raw]:
    """Samples as they stand in the file."""
    coding, track = stream.coding, stream.track
    channels = av.AudioLayout(coding.layout).nb_channels
    raw = []
    for at, content in contents(stream, numbers, part):
        samples = np.frombuffer(content, PCM[coding.codec]).reshape(-1, channels).T
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
