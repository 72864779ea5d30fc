"""Pictures that are neither wanted nor a reference of others are not decoded: a third less work with B-frames."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Any

from mmssl.data.decode.pyav_demux import Demuxer, Track

# Where the times of packets are those of pictures, and the decoder knows from its headers what is a reference.
CONTAINERS = frozenset({"mov", "matroska"})
CODECS = frozenset({"h264", "hevc"})
LONGEST = 30.0  # s of packets held to look ahead


def may_skip(container: str, codec: str) -> bool:
    """Whether pictures of such a stream can be left out by the times of their packets."""
    return container in CONTAINERS and codec in CODECS


class Needed:
    """The packets of a window, the decoder told before each whether its picture is needed.

    Attributes:
        stamps: the presentation time, in ticks, of the picture for each of the times; known once packets were read.
    """

    def __init__(self, demuxer: Demuxer, track: Track, times: Sequence[float], forgiven: float) -> None:
        self.demuxer, self.track, self.times, self.forgiven = demuxer, track, times, forgiven
        self.stamps: list[int] = []

    def packets(self) -> Iterator[Any]:
        """All packets from here on; those after the window come as usual."""
        context = self.demuxer.stream(self.track).codec_context
        rest = self.demuxer.packets(self.track)
        ahead = self._window(rest)
        wanted = set(self.stamps)
        try:
            for packet in ahead:
                context.skip_frame = "DEFAULT" if packet.pts is None or packet.pts in wanted else "NONREF"
                yield packet
            context.skip_frame = "DEFAULT"
            yield from rest
        finally:
            context.skip_frame = "DEFAULT"

    def _window(self, packets: Iterator[Any]) -> list[Any]:
        last = self.track.ticks(self.times[-1]) + 1
        ahead = []
        for packet in packets:
            ahead.append(packet)
            # A picture is never shown before it is decoded, so nothing after this packet is in the window.
            if packet.dts is None or packet.dts > last:
                break
        stamps = sorted(packet.pts for packet in ahead if packet.pts is not None)
        seconds = [self.track.seconds(stamp) for stamp in stamps]
        if stamps:
            shown = (bisect_right(seconds, time + self.forgiven) - 1 for time in self.times)
            self.stamps = [stamps[max(0, index)] for index in shown]
        return ahead
