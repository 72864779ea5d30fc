"""Sound by time with PyAV."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmssl.data.decode.pyav_demux import BROKEN, Demuxer, Track
from mmssl.data.decode.timeline import MARGIN, Piece, mono, window
from mmssl.errors import Fault, MediaError

_KINDS = {"u8": "u1", "s16": "i2", "s32": "i4", "s64": "i8", "flt": "f4", "dbl": "f8"}
_DTYPES = {name: np.dtype(kind) for name, kind in _KINDS.items()}
# Decoders of MP3 (bit reservoir), AAC (overlap) and Opus (80 ms, RFC 7845 4.6) need what came before to be right.
PREROLL = 0.12  # s
# Codecs whose packets need none before them.
INDEPENDENT = frozenset({"flac", "alac"})
SLACK = 0.1  # s, by which the end of a stream may differ from what its container says: one packet of AAC at 8 kHz


def preroll(codec: str, sample_rate: int, lasts: float) -> float:
    """Seconds before a window that must be decoded for it to be right.

    Args:
        codec: by FFmpeg's name.
        sample_rate: of what is decoded, Hz.
        lasts: seconds of a packet.
    """
    if codec in INDEPENDENT or codec.startswith("pcm_"):
        return 0.0
    # AAC overlaps with the packet before, of 1024 samples, and some files give nothing for their decoder's first; its
    # forms with longer packets rebuild what they left out of their bandwidth from more than these.
    return 2 * 1024 / sample_rate if codec == "aac" and round(lasts * sample_rate) == 1024 else PREROLL


def sound(demuxer: Demuxer, track: Track, start: float, samples: int, sample_rate: int) -> NDArray[np.float32]:
    """Mono sound `[samples]` from second `start` on at `sample_rate`; silence outside the stream.

    Raises:
        MediaError: TRUNCATED or CORRUPT.
    """
    end = start + samples / sample_rate
    begin = start - MARGIN
    if end <= track.start or begin >= track.end + SLACK:
        return np.zeros(samples, np.float32)
    for whole in demuxer.approaches(track, begin - PREROLL):
        lost: list[float] = []
        pieces = _pieces(demuxer, track, (begin, end + MARGIN), lost, whole)
        if pieces is None:
            continue
        if any(start <= moment < end for moment in lost):
            raise MediaError(demuxer.name, Fault.CORRUPT, f"the sound at {min(lost):.2f} s cannot be decoded")
        if not all(np.isfinite(piece.samples).all() for piece in pieces):
            raise MediaError(demuxer.name, Fault.CORRUPT, "the sound holds numbers that are not finite")
        return window(pieces, start, samples, sample_rate)
    raise AssertionError("the last approach always decides")


def _pieces(
    demuxer: Demuxer, track: Track, span: tuple[float, float], lost: list[float], whole: bool
) -> list[Piece] | None:
    """What sounds in a span of seconds; None when decoding began too late."""
    pieces: list[Piece] = []
    started, last = whole, track.start
    for piece in decoded(demuxer, track, span[0], lost):
        if not started and piece.time > max(span[0], track.start + SLACK):
            return None
        started = True
        last = piece.time + len(piece.samples) / piece.sample_rate
        if last > span[0]:
            pieces.append(piece)
        if last >= span[1]:
            return pieces
    if not started:
        return None
    if last + SLACK < min(span[1] - MARGIN, track.end) and demuxer.cut_off(track, last + SLACK):
        if lost and max(lost) >= last:
            raise MediaError(demuxer.name, Fault.CORRUPT, f"no sound after {last:.2f} s can be decoded")
        detail = f"the sound ends at {last:.2f} s of {track.end:.2f} s; copy or download it again"
        raise MediaError(demuxer.name, Fault.TRUNCATED, detail)
    return pieces


def decoded(demuxer: Demuxer, track: Track, begin: float, lost: list[float]) -> Iterator[Piece]:
    """Mono pieces from here on, without the encoder's priming before the stream's start.

    Packets that second `begin` does not need are not even decoded, as a seek may land seconds earlier; `lost` receives
    the second of each packet that does not decode.
    """
    follows = track.start  # for frames without a time
    context = demuxer.stream(track).codec_context
    codec, rate = context.codec.canonical_name, context.sample_rate
    for packet in demuxer.packets(track):
        moment = packet.pts if packet.pts is not None else packet.dts
        time = -math.inf if moment is None else track.seconds(moment)
        lasts = float((packet.duration or 0) * track.tick)
        if moment is not None and time + lasts < begin - preroll(codec, rate, lasts):
            continue
        try:
            frames = packet.decode()
        except BROKEN:
            if moment is not None:
                lost.append(time)
            continue
        for frame in frames:
            if frame.samples == 0:
                continue
            piece = _piece(frame, track, follows)
            follows = piece.time + len(piece.samples) / piece.sample_rate
            if len(piece.samples):
                yield piece


def _piece(frame: Any, track: Track, follows: float) -> Piece:
    samples = samples_of(frame)
    time = follows if frame.pts is None else float(frame.pts * frame.time_base - track.zero)
    # Priming that a decoder leaves in (after a seek to the start) lies before the stream's start.
    early = max(0, round((track.start - time) * frame.sample_rate))
    return Piece(time + early / frame.sample_rate, frame.sample_rate, mono(samples)[early:])


def samples_of(frame: Any) -> Sequence[NDArray[Any]]:
    """`[channels][n]` of a frame.

    Not by its `to_ndarray`: with 8 channels and more PyAV 18.1 counts planes past the last, and reading one of those
    ends the process.
    """
    name, channels, count = frame.format.name, frame.layout.nb_channels, frame.samples
    dtype = _DTYPES[name.removesuffix("p")]
    if frame.format.is_planar:
        return [np.frombuffer(plane, dtype, count) for plane in frame.planes[:channels]]
    return list(np.frombuffer(frame.planes[0], dtype, count * channels).reshape(-1, channels).T)
