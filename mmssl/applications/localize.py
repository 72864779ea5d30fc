"""Where in a film does it sound? Heat maps over its pictures, their peak's track, and when nothing in view sounds."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from mmssl.applications.heat_film import HeatFilm, HeatTimeline
from mmssl.applications.heatmap import Scale, caption, overlay, peak, ring
from mmssl.applications.redraw import redraw
from mmssl.data.atomic import write_atomically
from mmssl.data.clip import ClipFormat
from mmssl.data.decode.pyav import PyAVMedia, PyAVReader
from mmssl.errors import Fault, MediaError
from mmssl.evaluate.held_out import Watch
from mmssl.evaluate.sounds import noise, silence
from mmssl.objective import Objective

SAMPLED = 12  # windows from which the scale of a film's scores is taken


@dataclass(frozen=True)
class Peak:
    """The hottest place at one picture; `x` and `y` are shares of width and height from the upper left."""

    time: float
    x: float
    y: float
    score: float
    sounding: bool


@dataclass(frozen=True)
class Threshold:
    """The score below which nothing in view sounds.

    Attributes:
        value: on the scale of `Objective.heat`.
        origin: how it was found, in words.
    """

    value: float
    origin: str


@dataclass(frozen=True)
class Located:
    """What was found in a film.

    Attributes:
        file: its path.
        width: pixels.
        height: pixels.
        duration: seconds.
        threshold: that decided.
        track: a peak a picture.
        stills: files of key pictures, in order of time.
        sound_copied: whether the film that was written has the very packets of the original's sound.
    """

    file: str
    width: int
    height: int
    duration: float
    threshold: Threshold
    track: tuple[Peak, ...]
    stills: tuple[str, ...] = ()
    sound_copied: bool | None = None

    def silent(self) -> list[tuple[float, float]]:
        """Spans of seconds in which nothing in view sounds."""
        spans: list[tuple[float, float]] = []
        ends = [*(p.time for p in self.track[1:]), max(self.duration, self.track[-1].time)] if self.track else []
        for found, end in zip(self.track, ends, strict=True):
            if found.sounding:
                continue
            if spans and spans[-1][1] == found.time:
                spans[-1] = (spans[-1][0], end)
            else:
                spans.append((found.time, end))
        return spans

    def save(self, path: Path) -> None:
        """As JSON, with the spans in which nothing in view sounds."""
        fields: dict[str, Any] = {**asdict(self), "silent": self.silent()}
        fields["units"] = "time in seconds; x and y in shares of width and height from the upper left"
        write_atomically(path, json.dumps(fields, indent=1) + "\n")


def quiet_threshold(film: HeatFilm, starts: NDArray[np.float64]) -> Threshold:
    """What the film's own pictures score with sounds that nothing in them makes: the highest of silence and noise."""
    tops = [
        float(window.maps.max())
        for made in (silence, noise)
        for window in film.heat(starts, lambda batch, made=made: made(batch)[0])  # type: ignore[misc]
    ]
    return Threshold(max(tops), f"highest score of this film with silence and with noise, in {len(starts)} windows")


def sampled(starts: NDArray[np.float64]) -> NDArray[np.float64]:
    """At most `SAMPLED` of them, evenly."""
    if len(starts) <= SAMPLED:
        return starts
    chosen: NDArray[np.float64] = starts[np.linspace(0, len(starts) - 1, SAMPLED).round().astype(int)]
    return chosen


@dataclass(frozen=True)
class Localizer:
    """Draws heat maps with one objective.

    Attributes:
        objective: with picture and sound, in eval mode.
        device: its.
        format: of the windows that it was trained on.
        reader: that decodes; PyAV, as the film is written picture by picture.
        threshold: for all films; None finds one for each.
        stride: seconds between windows; half a window when 0.
    """

    objective: Objective
    device: torch.device
    format: ClipFormat
    threshold: Threshold | None = None
    stride: float = 0.0
    reader: PyAVReader = field(default_factory=PyAVReader)

    @contextmanager
    def _open(self, path: str) -> Iterator[tuple[PyAVMedia, HeatFilm]]:
        # Two of one film: what draws reads ahead of what is drawn on.
        with self.reader.open(path, path) as shown, self.reader.open(path, path) as read:
            if shown.info.video is None:
                raise MediaError(path, Fault.NO_VIDEO, "it has no picture in which to point at anything")
            if shown.info.audio is None:
                raise MediaError(path, Fault.NO_AUDIO, "it has no sound whose place could be found")
            stride = self.stride or self.format.seconds / 2
            yield shown, HeatFilm(self.objective, self.device, read, self.format, stride)

    def film(self, path: str | Path, out: Path, stills: Path | None = None, watch: Watch | None = None) -> Located:
        """Write the film with its heat maps, and pictures of its hottest moments.

        Args:
            path: of the film.
            out: file to write: .mp4, .mov or .mkv.
            stills: folder for PNGs of the hottest picture of each quarter; None makes none.
            watch: called as work goes on.

        Raises:
            MediaError: it cannot be read, or has no picture or no sound.
            UsageError: `out` cannot be written.
        """
        with self._open(str(path)) as (shown, film):
            pen = _Pen(film, self._threshold(film), shown.info.duration, watch)
            written = redraw(str(path), shown, out, pen.draw)
            files = pen.save(stills, Path(path).stem) if stills is not None else ()
            return _located(str(path), shown, pen, files, written.copied)

    def track(self, path: str | Path, watch: Watch | None = None) -> Located:
        """The same without drawing.

        Raises:
            MediaError: as `film`.
        """
        with self._open(str(path)) as (shown, film):
            pen = _Pen(film, self._threshold(film), shown.info.duration, watch)
            for time, _ in shown.pictures():
                pen.find(time)
            return _located(str(path), shown, pen, (), None)

    def _threshold(self, film: HeatFilm) -> Threshold:
        return self.threshold or quiet_threshold(film, sampled(film.starts()))


class _Pen:
    """Finds and draws the peak of each picture, in order, and keeps the hottest picture of each quarter."""

    def __init__(self, film: HeatFilm, threshold: Threshold, duration: float, watch: Watch | None) -> None:
        self.threshold, self.duration, self.watch = threshold, duration, watch
        starts = film.starts()
        self.scale = Scale.of(torch.cat([window.maps for window in film.heat(sampled(starts))]))
        self.moments = HeatTimeline(film.heat(starts), film.format.seconds)
        self.track: list[Peak] = []
        self.best: dict[int, tuple[float, float, NDArray[np.uint8]]] = {}  # quarter: score, time, picture

    def find(self, time: float) -> tuple[Peak, Tensor]:
        heat = self.moments.at(time)
        x, y, score = peak(heat)
        found = Peak(round(time, 6), round(x, 4), round(y, 4), round(score, 5), score >= self.threshold.value)
        self.track.append(found)
        if self.watch is not None:
            self.watch(min(max(time / max(self.duration, 1e-9), 0.0), 1.0))
        return found, heat

    def draw(self, time: float, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        found, heat = self.find(time)
        if found.sounding:
            drawn = ring(overlay(picture, heat, self.scale), found.x, found.y)
        else:
            drawn = caption(overlay(picture, heat, self.scale, strength=0.25), "nothing in view sounds")
        quarter = min(int(4 * time / max(self.duration, 1e-9)), 3)
        if quarter not in self.best or found.score > self.best[quarter][0]:
            self.best[quarter] = found.score, time, drawn
        return drawn

    def save(self, folder: Path, stem: str) -> Sequence[str]:
        folder.mkdir(parents=True, exist_ok=True)
        files = []
        for _, (_, time, picture) in sorted(self.best.items()):
            files.append(str(folder / f"{stem}-{time:07.2f}s.png"))
            Image.fromarray(picture).save(files[-1])
        return files


def _located(path: str, media: PyAVMedia, pen: _Pen, stills: Sequence[str], copied: bool | None) -> Located:
    video = media.info.video
    assert video is not None
    return Located(
        path, video.width, video.height, media.info.duration, pen.threshold, tuple(pen.track), tuple(stills), copied
    )
