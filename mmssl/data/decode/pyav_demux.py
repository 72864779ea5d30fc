"""The part of PyAV that pictures and sound share: an open container, seeking in it, and the recording's clock."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import av.error

from mmssl.data.decode.access import why_unreadable
from mmssl.data.decode.limits import CODECS, FORMATS
from mmssl.data.decode.reader import Source
from mmssl.errors import Fault, MediaError

# What broken data makes libav raise. Programming errors (ValueError, TypeError) are none of these.
BROKEN = (av.error.FFmpegError,)
# Decoder names that differ from their codec's.
DECODERS = sorted(CODECS | {"mp3float", "mp2float", "libdav1d", "libopus", "libvorbis", "amrnb", "amrwb"})
_OPTIONS = {"format_whitelist": ",".join(FORMATS), "codec_whitelist": ",".join(DECODERS)}


def opened(source: Source, name: str) -> Any:
    """A PyAV container that can open nothing but `source`.

    Raises:
        MediaError: UNRECOGNIZED, TRUNCATED, CORRUPT or MISSING.
    """
    if not isinstance(source, str):
        source.seek(0)
    # A file object needs no protocol at all, so none is left to a container that names other files.
    options = {**_OPTIONS, "protocol_whitelist": "file" if isinstance(source, str) else "none"}
    try:
        return av.open(source, options=options, metadata_errors="replace")
    except av.error.FileNotFoundError as error:
        raise MediaError(name, Fault.MISSING, "the file vanished while it was opened") from error
    except BROKEN as error:
        raise why_unreadable(source, name) from error


@dataclass
class Track:
    """One stream on the recording's clock.

    Attributes:
        index: of the stream in its container.
        tick: seconds, the stream's time base.
        zero: the container's time of the recording's second 0.
        start: of the stream, seconds on the recording's clock.
        end: as declared, seconds.
        exact: `end` is the stream's own, not the container's.
        by_dts: the container stores no presentation times (AVI): decoding order is all there is.
        delay: ticks by which the decoder holds back pictures, when `by_dts`.
        skips: pictures that are not needed may be left out of decoding.
    """

    index: int
    tick: Fraction
    zero: Fraction
    start: float
    end: float
    exact: bool
    by_dts: bool = False
    delay: int = 0
    skips: bool = False

    def seconds(self, ticks: int) -> float:
        """Container time to seconds on the recording's clock."""
        return float(ticks * self.tick - self.zero)

    def ticks(self, seconds: float) -> int:
        """The tick nearest to a second of the recording."""
        return round((Fraction(seconds) + self.zero) / self.tick)

    def presented(self, frame: Any, previous: int | None) -> int | None:
        """The presentation time of a frame in ticks; None where nothing tells it."""
        if not self.by_dts:
            return None if frame.pts is None else int(frame.pts)
        if frame.dts is not None:
            return int(frame.dts) - self.delay
        return None if previous is None else previous + max(1, int(frame.duration or 1))


class Demuxer:
    """An open recording that can be sought in and, where seeking fails, read again from its beginning."""

    def __init__(self, source: Source, name: str) -> None:
        self.source, self.name = source, name
        self.container = opened(source, name)
        self.reached = -math.inf  # the latest end of any packet read so far, seconds of the container
        self.drained = False  # the packets that were read last went on to the end of the file
        self.decoded = self.furthest = -math.inf  # of those: latest decoding time and latest end, recording's seconds

    def close(self) -> None:
        """Close the container; a file object stays open, it is the caller's."""
        self.container.close()

    def stream(self, track: Track) -> Any:
        """The PyAV stream of a track, decoding in this thread: workers are the parallelism.

        Raises:
            MediaError: CORRUPT when it was found the first time that the file was read, and not again.
        """
        if len(self.container.streams) <= track.index:
            raise MediaError(self.name, Fault.CORRUPT, "its streams come and go")
        stream = self.container.streams[track.index]
        if not stream.codec_context.is_open:
            stream.codec_context.thread_count = 1
        return stream

    def approaches(self, track: Track, seconds: float) -> Iterator[bool]:
        """Bring the container to ever earlier places from which `seconds` may be decoded; True for the last, the start.

        A seek may land late (decoding times run ahead of presentation times; some containers guess), so whoever decodes
        looks at the first time that comes out and asks for the next approach where it is later than wanted.
        """
        for back in (0.0, 1.0, 4.0, 16.0):
            if seconds - back > track.start and self._seek(track, seconds - back):
                yield False
        # A second early: what an encoder primes its decoder with (AAC: one frame) stands before the start.
        if self._seek(track, track.start - 1.0):
            yield False
        self.container.close()
        self.container = opened(self.source, self.name)
        yield True

    def _seek(self, track: Track, seconds: float) -> bool:
        try:
            self.container.seek(track.ticks(seconds), stream=self.stream(track), backward=True)
        except BROKEN:
            return False
        return True

    def packets(self, track: Track) -> Iterator[Any]:
        """Packets of one stream, the last one empty (it drains the decoder).

        Raises:
            MediaError: CORRUPT when the container breaks in the middle.
        """
        streams = [self.stream(track)] if track.exact else list(self.container.streams)
        self.drained, self.decoded, self.furthest = False, -math.inf, -math.inf
        try:
            for packet in self.container.demux(streams):
                if packet.dts is not None:
                    self.reached = max(self.reached, float((packet.dts + (packet.duration or 0)) * packet.time_base))
                # Not packet.stream_index, which is 0 in the empty packet at the end, whatever its stream.
                if packet.stream.index == track.index:
                    self._passed(track, packet)
                    yield packet
        except IndexError:
            # At the end PyAV 18.1 also looks for streams that appeared while reading; ours has been drained by then.
            return
        except BROKEN as error:
            raise MediaError(self.name, Fault.CORRUPT, f"reading stopped: {error.strerror}") from error

    def _passed(self, track: Track, packet: Any) -> None:
        self.drained = packet.size == 0
        if packet.dts is not None:
            self.decoded = track.seconds(packet.dts)
        if packet.pts is not None:
            self.furthest = max(self.furthest, track.seconds(packet.pts + (packet.duration or 0)))

    def times(self, track: Track) -> list[float]:
        """When each packet of a stream is presented, ascending seconds; nothing is decoded."""
        for _ in self.approaches(track, track.start):
            break
        # What an edit list hides is read, but never shown.
        shown = (packet for packet in self.packets(track) if not packet.is_discard)
        stamps = (packet.dts if track.by_dts else packet.pts for packet in shown)
        return sorted(track.seconds(stamp) for stamp in stamps if stamp is not None)

    def cut_off(self, track: Track, last: float) -> bool:
        """Whether the file ends before its declared end; asked at its end, when decoding ended at second `last`."""
        if track.exact:
            return last < track.end
        return self.container.duration is not None and self.reached - track.zero < self.container.duration / 1e6 - 0.5
