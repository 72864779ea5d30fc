"""Pictures by presentation time with PyAV."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

from mmssl.data.decode.pyav_demux import BROKEN, Demuxer, Track
from mmssl.data.decode.pyav_skip import LONGEST, Needed
from mmssl.errors import Fault, MediaError

LEAP = 1.0  # s; a picture that is shown this much before its predecessor means that the clock restarts


class Selection:
    """The frame on screen at each of some ascending times, out of frames that come in order of presentation."""

    def __init__(self, times: Sequence[float], forgiven: float) -> None:
        self.times, self.forgiven = times, forgiven
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


def forgiven(track: Track) -> float:
    """Seconds by which a time may be earlier than its picture: containers round times to ticks."""
    return min(0.0005, float(track.tick) / 2)


def select(demuxer: Demuxer, track: Track, times: Sequence[float]) -> list[tuple[float, Any]]:
    """(true time, frame) for each of some ascending times.

    Raises:
        MediaError: TRUNCATED, CORRUPT or BAD_TIMESTAMPS.
    """
    skips = track.skips and times[-1] - times[0] < LONGEST
    for whole in demuxer.approaches(track, times[0]):
        needed = Needed(demuxer, track, times, forgiven(track)) if skips else None
        selection = Selection(times, forgiven(track))
        lost: list[float] = []
        if not _decode_into(selection, demuxer, track, lost, whole, needed):
            continue
        if needed and not lost and [frame.pts for _, frame in selection.chosen] != needed.stamps:
            # The packets promised other pictures than came out (some are hidden or fail in silence): decode them all.
            track.skips = False
            return select(demuxer, track, times)
        for time, (shown, frame), key in zip(times, selection.chosen, selection.keys, strict=True):
            # A picture predicted from one that is lost is wrong, until the next keyframe.
            if frame.is_corrupt or any(key <= moment <= time for moment in lost):
                raise MediaError(demuxer.name, Fault.CORRUPT, f"the picture at {shown:.2f} s cannot be decoded")
        if demuxer.drained and times[-1] > demuxer.decoded and not track.by_dts:
            _missing(demuxer, track, selection.chosen[-1][1])
        return selection.chosen
    raise AssertionError("the last approach always decides")


def _decode_into(
    selection: Selection, demuxer: Demuxer, track: Track, lost: list[float], whole: bool, needed: Needed | None
) -> bool:
    """Decode until every time has its frame; False when decoding began too late, so that an earlier start must do it.

    `whole` says that this reads from the beginning of the file, the last resort.
    """
    started, untimed = False, 0
    earliest = max(selection.times[0], track.start) + selection.forgiven
    for time, frame in frames(demuxer, track, lost, needed):
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
    _ended(selection.last, selection.times[-1], demuxer, track, lost, untimed)
    selection.finish()
    return True


def _ended(
    final: tuple[float, Any] | None, wanted: float, demuxer: Demuxer, track: Track, lost: list[float], untimed: int
) -> None:
    """The stream ended with frame `final` before `wanted`: fine when it ends where it says, an error otherwise."""
    if final is None:
        if untimed:
            raise MediaError(demuxer.name, Fault.BAD_TIMESTAMPS, "its pictures have no times; put it in a container")
        fault, detail = (Fault.CORRUPT, "no picture can be decoded") if lost else (Fault.TRUNCATED, "it has no picture")
        raise MediaError(demuxer.name, fault, detail)
    time, frame = final
    step = float((frame.duration or 0) * track.tick) or 0.1
    end = time + step
    if wanted <= end + step:
        return
    if lost and max(lost) > time:
        raise MediaError(demuxer.name, Fault.CORRUPT, f"no picture after {end:.2f} s can be decoded")
    if demuxer.cut_off(track, end + step):
        detail = f"the pictures end at {end:.2f} s of {track.end:.2f} s; copy or download it again"
        raise MediaError(demuxer.name, Fault.TRUNCATED, detail)


def _missing(demuxer: Demuxer, track: Track, frame: Any) -> None:
    """Raise where a file is cut off: pictures shown after the last decoding time may have been in what is missing."""
    step = float((frame.duration or 0) * track.tick) or 0.1
    if demuxer.cut_off(track, demuxer.furthest + step):
        detail = f"pictures after {demuxer.decoded:.2f} s of {track.end:.2f} s are missing; copy or download it again"
        raise MediaError(demuxer.name, Fault.TRUNCATED, detail)


def play(demuxer: Demuxer, track: Track) -> Iterator[tuple[float, Any]]:
    """(seconds, frame) of a whole stream, each later than the one before.

    Raises:
        MediaError: TRUNCATED, CORRUPT or BAD_TIMESTAMPS.
    """
    final: tuple[float, Any] | None = None
    lost: list[float] = []
    untimed = 0
    next(demuxer.approaches(track, track.start))
    for time, frame in frames(demuxer, track, lost):
        if lost:
            raise MediaError(demuxer.name, Fault.CORRUPT, f"the picture at {lost[0]:.2f} s cannot be decoded")
        if time is None:
            untimed += 1
        elif final is None or time > final[0]:
            final = time, frame
            yield final
    _ended(final, track.end, demuxer, track, lost, untimed)


def frames(
    demuxer: Demuxer, track: Track, lost: list[float], needed: Needed | None = None
) -> Iterator[tuple[float | None, Any]]:
    """(seconds, frame) from here to the end, in order of presentation; None for a frame without a time.

    `lost` receives the second of each packet that does not decode; `needed` leaves out pictures that are not.
    """
    previous: int | None = None
    for packet in needed.packets() if needed else demuxer.packets(track):
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
