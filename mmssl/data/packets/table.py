"""`PacketTable`, what is needed to decode any window of a recording without opening its container.

For each stream it says where in the file every packet lies, when it is presented and whether others depend on it, and
what makes its decoder. Reading a window is then a range of bytes, with no probing and no demuxing.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmssl.data.decode.limits import Limits
from mmssl.data.decode.picture import Orientation
from mmssl.data.decode.pyav_demux import Track
from mmssl.data.decode.pyav_video import LEAP
from mmssl.data.decode.reader import MediaInfo

Ints = NDArray[np.int64]

# Flags of a packet.
KEY, DROPPABLE, HIDDEN = 1, 2, 4  # decoding may begin here; no other picture needs it; an edit list hides it
EXACT = 2**53  # integers below are exact as float64, and so is the rounding of their quotient


@dataclass(frozen=True)
class Coding:
    """What makes a decoder.

    Attributes:
        codec: FFmpeg's canonical name, which is checked against what may decode.
        decoder: FFmpeg's name of what decodes it.
        extradata: the codec's own header.
        tag: four characters that some containers name it by.
        size: (width, height) as coded; (0, 0) for sound.
        sample_rate: Hz; 0 for pictures.
        layout: of the channels; "" for pictures.
        reorder: pictures that the decoder holds back.
    """

    codec: str
    decoder: str
    extradata: bytes
    tag: str
    size: tuple[int, int] = (0, 0)
    sample_rate: int = 0
    layout: str = ""
    reorder: int = 0


@dataclass(frozen=True)
class StreamPackets:
    """The packets of one stream in decoding order, which is that of the file.

    Attributes:
        coding: its decoder.
        track: its clock.
        offset: [N] bytes from the beginning of the file.
        size: [N] bytes.
        stamp: [N] presentation times in ticks.
        duration: [N] ticks, 0 where the container does not say.
        skip: [N] samples at the beginning of what a packet decodes to that are not sound.
        trim: [N] the same at its end.
        flags: [N] of KEY, DROPPABLE and HIDDEN.
        check: [N] the low byte of each packet's CRC-32.
    """

    coding: Coding
    track: Track
    offset: Ints
    size: Ints
    stamp: Ints
    duration: Ints
    skip: Ints
    trim: Ints
    flags: NDArray[np.uint8]
    check: NDArray[np.uint8]

    @cached_property
    def seconds(self) -> NDArray[np.float64]:
        """`[N]` presentation times on the recording's clock, exactly as `Track.seconds` gives them."""
        scale, shift, unit = self._ratio
        return (self.stamp * scale - shift) / unit

    @cached_property
    def _ratio(self) -> tuple[int, int, int]:
        """(scale, shift, unit) such that seconds = (ticks * scale - shift) / unit, all integers."""
        tick, zero = self.track.tick, self.track.zero
        unit = math.lcm(tick.denominator, zero.denominator)
        return tick.numerator * (unit // tick.denominator), zero.numerator * (unit // zero.denominator), unit

    def makes_sense(self) -> bool:
        """Whether windows can be found by these times, which may come from a stranger."""
        if not self._is_exact() or (self.duration < 0).any() or (self.skip < 0).any() or (self.trim < 0).any():
            return False
        hidden = self.flags & HIDDEN > 0
        if self.coding.sample_rate:  # sound goes on, and what is hidden lies before its start
            before = bool((self.seconds[hidden] <= self.track.start).all())
            return before and bool((np.diff(self.stamp) > 0).all()) and self.coding.layout != ""
        # Each time is told once and never far back, and every place to begin is later than the one before.
        behind = np.maximum.accumulate(self.seconds) - self.seconds
        unique = bool((np.diff(self.stamp[self._order]) > 0).all())
        ahead = bool((np.diff(self.stamp[self.keys]) > 0).all())
        return unique and ahead and len(self.keys) > 0 and float(behind.max()) <= LEAP and self._is_whole()

    def _is_whole(self) -> bool:
        """Whether the last pictures are there: of a cut-off end, some that are shown before the last may be lost."""
        shown = self.seconds[self.shown]
        if not len(shown):
            return False
        step = max(float(self.lasts.max()), float(np.median(np.diff(shown))) if len(shown) > 1 else LEAP)
        return not self.track.exact or float(shown[-1]) + 2 * step >= self.track.end

    def _is_exact(self) -> bool:
        """Whether times fit float64 arithmetic without a rounding that `Track.seconds` does not make."""
        scale, shift, unit = self._ratio
        largest = max(abs(int(self.stamp.min())), abs(int(self.stamp.max())))
        return scale > 0 and largest * scale + abs(shift) < EXACT and unit < EXACT

    @cached_property
    def lasts(self) -> NDArray[np.float64]:
        """`[N]` seconds."""
        return np.asarray(self.duration * float(self.track.tick), np.float64)

    @cached_property
    def shown(self) -> Ints:
        """`[V]` packets whose pictures are shown, in order of presentation."""
        shown: Ints = self._order[(self.flags & HIDDEN == 0)[self._order]]
        return shown

    @cached_property
    def _order(self) -> Ints:
        return np.argsort(self.stamp, kind="stable")

    @cached_property
    def keys(self) -> Ints:
        """`[K]` packets at which decoding may begin."""
        return np.flatnonzero(self.flags & KEY)


@dataclass(frozen=True)
class PacketTable:
    """A recording.

    Attributes:
        size: of the file it describes, bytes.
        streams: in the container.
        info: what is in the recording.
        matrix: how its pictures want to be turned.
        packets: of its streams together.
        pictures: makes `video` when it is first asked for.
        sounds: the same for `audio`.
    """

    size: int
    streams: int
    info: MediaInfo
    matrix: Orientation
    packets: int
    pictures: Callable[[], StreamPackets | None]
    sounds: Callable[[], StreamPackets | None]

    @cached_property
    def video(self) -> StreamPackets | None:
        """None without a picture, or where it cannot be decoded by a table."""
        return self.pictures()

    @cached_property
    def audio(self) -> StreamPackets | None:
        """None without sound, or where it cannot be decoded by a table."""
        return self.sounds()

    def within(self, limits: Limits, codecs: frozenset[str]) -> bool:
        """Whether the recording is allowed, by what opening its container would look at."""
        video, audio = self.info.video, self.info.audio
        used: list[Any] = [stream for stream in (video, audio) if stream is not None]
        return (
            bool(used)
            and all(stream.codec in codecs for stream in used)
            and self.size <= limits.size
            and self.streams <= limits.streams
            and self.info.duration <= limits.seconds
            and (video is None or video.width * video.height <= limits.pixels)
            and (audio is None or audio.channels <= limits.channels)
        )
