"""What is in recordings, and what is broken in them: `mmssl probe`."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmssl.data.captions import MEDIA, captions_beside, extension_of
from mmssl.data.decode.pyav import PyAVMedia, PyAVReader
from mmssl.data.decode.reader import MediaInfo
from mmssl.errors import Fault, MediaError, UsageError

WINDOW = 0.5  # s, of each quick look
THOROUGH = 4.0  # s, of each step of a deep one
UNEVEN = 0.0025  # s; steps between pictures that differ by more are a variable rate, less is rounding to 1 ms
LATE = 0.05  # s by which the first picture that decodes may follow the first of all
SILENT = 1e-4  # of full scale
CLIPPED = 1e-3  # share of samples at full scale
FULL = 0.999
STILL = 4  # gray levels by which a still picture may change: its coding does that


@dataclass(frozen=True)
class Probe:
    """What is in one file.

    Attributes:
        path: as it was asked for.
        info: None where the file does not open.
        streams: one line for each stream of the container.
        fastest: pictures a second where they follow fastest, None without a picture.
        slowest: the same where they follow slowest.
        offset: start of the sound minus start of the picture, seconds; None where either is absent.
        peak: of the sound that was looked at, 0 to 1; None without sound.
        clipped: whether more of its samples than happens by chance are at full scale.
        bias: mean of its samples, -1 to 1: an offset of the recorder.
        still: whether all pictures that were looked at, two at least, are one.
        languages: of the captions beside the file, "" for an unknown one.
        captions: how many there are.
        broken: what is wrong, as (fault, sentence).
    """

    path: str
    info: MediaInfo | None = None
    streams: tuple[str, ...] = ()
    fastest: float | None = None
    slowest: float | None = None
    offset: float | None = None
    peak: float | None = None
    clipped: bool = False
    bias: float = 0.0
    still: bool = False
    languages: tuple[str, ...] = ()
    captions: int = 0
    broken: tuple[tuple[Fault, str], ...] = ()

    @property
    def silent(self) -> bool:
        """There is a sound track, and nothing on it (in what was looked at)."""
        return self.peak is not None and self.peak < SILENT

    def fields(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        return {
            **asdict(self),
            "silent": self.silent,
            "broken": [{"fault": fault.value, "detail": detail} for fault, detail in self.broken],
        }


def probe(path: str | Path, *, deep: bool = False, reader: PyAVReader | None = None) -> Probe:
    """Look into one file; what is wrong with it is told in `broken`, not raised.

    Args:
        path: of a media file.
        deep: decode everything instead of half a second at the beginning, the middle and the end.
        reader: with limits of one's own.
    """
    name = str(path)
    found = Probe(name)
    broken: list[tuple[Fault, str]] = []
    try:
        # Without a table, which would leave out what it does not need.
        with (reader or PyAVReader(tables=False)).open(name, name) as media:
            found = _look(media, name, deep, broken)
    except MediaError as error:
        broken.append((error.fault, error.detail))
    try:
        captions = captions_beside(path)
        languages = tuple(sorted({caption.language for caption in captions}))
        found = replace(found, languages=languages, captions=len(captions))
    except MediaError as error:
        broken.append((error.fault, f"{Path(error.name).name}: {error.detail}"))
    return replace(found, broken=tuple(dict.fromkeys(broken)))


def probe_folder(folder: str | Path, *, deep: bool = False, workers: int = 0) -> Iterator[Probe]:
    """Look into every media file under a folder, in order of their names.

    Args:
        folder: searched with all folders in it.
        deep: see `probe`.
        workers: threads; 0 takes one a core.

    Raises:
        UsageError: there is no media file.
    """
    paths = media_files(Path(folder))
    with ThreadPoolExecutor(workers or os.cpu_count()) as pool:
        yield from pool.map(lambda path: probe(path, deep=deep), paths)


def media_files(folder: Path) -> list[Path]:
    """The media files under a folder, by name.

    Raises:
        UsageError: there is none.
    """
    paths = sorted(path for path in folder.rglob("*") if extension_of(path.name) in MEDIA and not path.is_dir())
    if not paths:
        known = "mmssl knows them by extensions such as .mp4, .mkv, .wav"
        raise UsageError(f"{folder}: no media file in it; {known} (what is broken in shards is named by `mmssl pack`)")
    return paths


def _look(media: PyAVMedia, name: str, deep: bool, broken: list[tuple[Fault, str]]) -> Probe:
    info, times = media.info, np.empty(0)
    try:
        times = media.picture_times()
    except MediaError as error:
        broken.append((error.fault, error.detail))
    if info.video is not None and len(times) and info.video.start > times[0] + LATE:
        broken.append((Fault.CORRUPT, f"no picture before {info.video.start:.2f} s can be decoded: no keyframe"))
    steps = np.diff(times)
    steps = steps[steps > 0]
    fastest = slowest = None
    if info.video is not None and len(steps):
        fastest, slowest = float(1 / steps.min()), float(1 / steps.max())
        variable = bool(np.ptp(steps) > UNEVEN)
        # What the packets say, not what the header does.
        average = len(steps) / float(steps.sum())
        info = replace(info, video=replace(info.video, variable=variable, fps=average))
    found = _Found()
    for begin, seconds in _windows(info.duration, deep):
        _decode(media, begin, seconds, times, broken, found)
    offset = None if info.video is None or info.audio is None else info.audio.start - info.video.start
    return Probe(
        name,
        info,
        tuple(media.streams()),
        fastest,
        slowest,
        offset,
        None if info.audio is None else found.peak,
        found.full > CLIPPED * max(1, found.samples),
        found.total / max(1, found.samples),
        found.still,
    )


def _windows(duration: float, deep: bool) -> list[tuple[float, float]]:
    """(begin, seconds) of what to decode."""
    if deep:
        return [(begin, min(THOROUGH, duration - begin)) for begin in np.arange(0, duration, THOROUGH).tolist()]
    if duration < 3 * WINDOW:
        return [(0.0, duration)]
    return [(0.0, WINDOW), ((duration - WINDOW) / 2, WINDOW), (duration - WINDOW, WINDOW)]


@dataclass
class _Found:
    """What was decoded so far."""

    peak: float = 0.0
    full: int = 0  # samples at full scale
    total: float = 0.0
    samples: int = 0
    pictures: int = 0
    darkest: NDArray[np.uint8] | None = None  # [16, 16, 3], of each place
    brightest: NDArray[np.uint8] | None = None

    def see(self, pictures: NDArray[np.uint8]) -> None:
        """Take `[n, 16, 16, 3]`."""
        self.pictures += len(pictures)
        low, high = pictures.min(axis=0), pictures.max(axis=0)
        self.darkest = low if self.darkest is None else np.minimum(self.darkest, low)
        self.brightest = high if self.brightest is None else np.maximum(self.brightest, high)

    def hear(self, sound: NDArray[np.float32]) -> None:
        """Take `[n]`."""
        self.peak = max(self.peak, float(np.abs(sound).max()))
        self.full += int((np.abs(sound) >= FULL).sum())
        self.total += float(sound.sum(dtype=np.float64))
        self.samples += len(sound)

    @property
    def still(self) -> bool:
        if self.pictures < 2 or self.darkest is None or self.brightest is None:
            return False
        return bool((self.brightest.astype(int) - self.darkest).max() <= STILL)


def _decode(
    media: PyAVMedia,
    begin: float,
    seconds: float,
    times: NDArray[np.float64],
    broken: list[tuple[Fault, str]],
    found: _Found,
) -> None:
    """Decode a window into what was found; what is wrong goes into `broken`."""
    if media.info.video is not None:
        within = times[(times >= begin) & (times < begin + seconds)]
        try:
            found.see(media.frames(within.tolist() or [begin], (16, 16)).pixels)
        except MediaError as error:
            broken.append((error.fault, error.detail))
    if media.info.audio is not None:
        rate = media.info.audio.sample_rate
        try:
            found.hear(media.sound(begin, max(1, round(seconds * rate)), rate))
        except MediaError as error:
            broken.append((error.fault, error.detail))
