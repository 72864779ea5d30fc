"""`pack --reencode`: pictures encoded anew, and what comes out compared with what went in before it is stored."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from mmssl.data.decode.pyav import PyAVReader
from mmssl.data.decode.reader import MediaInfo
from mmssl.data.recordings import Recording
from mmssl.data.reencode_profiles import Profile
from mmssl.data.stored import Stored
from mmssl.data.transcode import NotTranscoded, transcode
from mmssl.errors import Fault, MediaError

SCRATCH = "again-"  # begins the names of folders that a killed run may leave behind
TAIL = 0.5  # s; many a recording ends a picture or two before it says, which is no fault
# Matroska rounds to 1 ms; MP4 to 1/90 ms or finer, and exactly where the source's ticks divide its own.
TICK = 0.0005  # s


@dataclass(frozen=True)
class Reencode:
    """Stores recordings with their pictures encoded anew; those that cannot be are stored as they are, saying why.

    Args:
        profile: of the pictures.
    """

    profile: Profile

    @contextmanager
    def __call__(self, source: BinaryIO, size: int, found: Recording, folder: Path) -> Iterator[Stored]:
        """See `Store`.

        Raises:
            MediaError: as `Reader.open`; TRUNCATED or CORRUPT when not all pictures are there.
            OSError: the disk is full.
        """
        told: dict[str, Any] = {"profile": self.profile.name}
        if before := found.extra.get("reencode"):
            told["before"] = before
        with TemporaryDirectory(dir=folder, prefix=SCRATCH) as scratch:
            try:
                path, about = self._again(source, found.key, Path(scratch))
            except NotTranscoded as reason:
                path, about = None, {"kept": str(reason)}
            told = {"reencode": {**told, **about}}
            if path is None:
                source.seek(0)
                yield Stored(found.extension, source, size, told, kept=True)
            else:
                told["reencode"]["bytes"] = size
                with path.open("rb") as content:
                    yield Stored(path.suffix[1:], content, path.stat().st_size, told)

    def _again(self, source: BinaryIO, name: str, folder: Path) -> tuple[Path, dict[str, Any]]:
        reader = PyAVReader()
        with reader.open(source, name) as media:
            info, times = media.info, media.picture_times()
            if info.video is None:
                if info.audio is None:
                    raise MediaError(name, Fault.NO_VIDEO, "holds neither video nor sound")
                raise NotTranscoded("no picture")
            # A recording that was cut off says so at its end; written again it would end there, as if it always had.
            media.frames([info.video.start + max(0.0, info.video.duration - TAIL)], (8, 8))
            if info.audio is not None:
                media.sound(info.audio.start + max(0.0, info.audio.duration - TAIL), 160, 16_000)
        path = transcode(source, name, self.profile, folder, info.video.duration)
        with reader.open(str(path), name) as media:
            _compare(info, times, media.info, media.picture_times())
        return path, {"codec": info.video.codec, "width": info.video.width, "height": info.video.height}


def _compare(before: MediaInfo, times: NDArray[np.float64], after: MediaInfo, new_times: NDArray[np.float64]) -> None:
    """Raise `NotTranscoded` unless every picture is there at its time, and the sound begins where it did."""
    times = np.unique(times)
    if len(times) != len(new_times):
        raise NotTranscoded(f"{len(new_times)} of {len(times)} pictures come out of its decoder")
    if len(times) and np.abs(times - new_times).max() > TICK:
        raise NotTranscoded("its pictures would be shown at other times")
    if before.video is None or after.video is None or (before.audio is None) != (after.audio is None):
        raise NotTranscoded("a stream would be lost")
    if before.video.rotation != after.video.rotation:
        raise NotTranscoded("its container cannot tell that it is turned")
    starts = [before.video.start - after.video.start]
    if before.audio is not None and after.audio is not None:
        starts.append(before.audio.start - after.audio.start)
    if max(map(abs, starts)) > TICK:
        raise NotTranscoded("its sound would begin at another time")
