"""Pictures by presentation time with PyAV."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

from mmssl.data.decode.pyav_demux import BROKEN, Demuxer, Track
from mmssl.errors import Fault, MediaError

LEAP = 1.0  # s; a picture that is shown this much before its predecessor means that the clock restarts


class Selection:
    """The frame on screen at each of some ascending times, out of frames that come in order of presentation."""

    def __init__(self, times: Sequence[float], forgiven: float) -> None:
        self.times, self.forgiven = times, forgiven  # half a tick: times were rounded to ticks by the container
        self.chosen: list[tuple[float, Any]] = []
        self.last: tuple[float, Any] | None = None
        self.key = -math.inf  # the keyframe of the last frame
        self.keys: list[float] = []  # that of each chosen one

    def add(self, time: float, frame: Any) -> bool:
        """Take the next frame; True when every time has its own."""
        current = self.last or (time, frame)
        while len(self.chosen) < len(self.times) and self.times[len(self.chosen)] + self.forgiven < time:
            self._choose(current)
        self.last = time, frame
        if frame.key_frame:
            self.key = time
        return len(self.chosen) == len(self.times)

    def finish(self) -> None:
        """Nothing follows: the last frame stays on screen."""
        while self.last is not None and len(self.chosen) < len(self.times):
            self._choose(self.last)

    def _choose(self, frame: tuple[float, Any]) -> None:
        self.chosen.append(frame)
        self.keys.append(self.key)


def select(demuxer: Demuxer, track: Track, times: Sequence[float]) -> list[tuple[float, Any]]:
    """(true time, frame) for each of some ascending times.

    Raises:
        MediaError: TRUNCATED, CORRUPT or BAD_TIMESTAMPS.
    """
    for whole in demuxer.approaches(track, times[0]):
        selection = Selection(times, min(0.0005, float(track.tick) / 2))
        lost: list[float] = []
        if not _decode_into(selection, demuxer, track, lost, whole):
            continue
        for time, (shown, frame), key in zip(times, selection.chosen, selection.keys, strict=True):
            # A picture predicted from one that is lost is wrong, until the next keyframe.
            if frame.is_corrupt or any(key <= moment <= time for moment in lost):
                raise MediaError(demuxer.name, Fault.CORRUPT, f"the picture at {shown:.2f} s cannot be decoded")
        return selection.chosen
    raise AssertionError("the last approach always decides")


def _decode_into(selection: Selection, demuxer: Demuxer, track: Track, lost: list[float], whole: bool) -> bool:
    """Decode until every time has its frame; False when decoding began too late, so that an earlier start must do it.

    `whole` says that this reads from the beginning of the file, the last resort.
    """
    started, untimed = False, 0
    earliest = max(selection.times[0], track.start) + selection.forgiven
    for time, frame in frames(demuxer, track, lost):
        if time is None:
            untimed += 1
            continue
        if not started:
            if not whole and not frame.key_frame:
                continue  # its references may be before the place that was sought
            if not whole and time > earliest:
                return False
            started = True
        if selection.last is not None and time <= selection.last[0]:
            if selection.last[0] - time > LEAP:
                raise MediaError(demuxer.name, Fault.BAD_TIMESTAMPS, f"the clock jumps back at {time:.2f} s; remux it")
            continue
        if selection.add(time, frame):
            return True
    if not started and not whole:
        return False
    _ended(selection, demuxer, track, lost, untimed)
    selection.finish()
    return True


def _ended(selection: Selection, demuxer: Demuxer, track: Track, lost: list[float], untimed: int) -> None:
    """The stream ended before every time had its frame: fine when it ends where it says, an error otherwise."""
    if selection.last is None:
        if untimed:
            raise MediaError(demuxer.name, Fault.BAD_TIMESTAMPS, "its pictures have no times; put it in a container")
        fault, detail = (Fault.CORRUPT, "no picture can be decoded") if lost else (Fault.TRUNCATED, "it has no picture")
        raise MediaError(demuxer.name, fault, detail)
    time, frame = selection.last
    step = float((frame.duration or 0) * track.tick) or 0.1
    end = time + step
    if lost and max(lost) > time and selection.times[-1] > end + step:
        raise MediaError(demuxer.name, Fault.CORRUPT, f"no picture after {end:.2f} s can be decoded")
    if selection.times[-1] > end + step and demuxer.cut_off(track, end + step):
        detail = f"the pictures end at {end:.2f} s of {track.end:.2f} s; copy or download it again"
        raise MediaError(demuxer.name, Fault.TRUNCATED, detail)


def frames(demuxer: Demuxer, track: Track, lost: list[float]) -> Iterator[tuple[float | None, Any]]:
    """(seconds, frame) from here to the end, in order of presentation; None for a frame without a time.

    `lost` receives the second of each packet that does not decode.
    """
    previous: int | None = None
    for packet in demuxer.packets(track):
        try:
            decoded = packet.decode()
        except BROKEN:
            moment = packet.pts if packet.pts is not None else packet.dts
            if moment is not None:
                lost.append(track.seconds(moment))
            continue
        for frame in decoded:
            ticks = track.presented(frame, previous)
            previous = ticks
            yield (None if ticks is None else track.seconds(ticks)), frame
