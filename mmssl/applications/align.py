"""Films of one action in step: warped to the clock of one of them, side by side, with labels and what is unusual.

Dwibedi et al. 2019, section 5: synchronous playback, transfer of sound and labels, and anomaly as the distance to the
nearest trajectory along the alignment. The film that the sound is taken from sets the clock, so no sound is stretched.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from mmssl.applications.film_writing import check_target
from mmssl.applications.frame_track import FrameTrack, track
from mmssl.applications.heatmap import caption
from mmssl.applications.redraw import redraw
from mmssl.applications.sheet import drawable
from mmssl.applications.timed_labels import TimedLabel
from mmssl.applications.warp import Method, named_method
from mmssl.data.atomic import write_atomically
from mmssl.data.clip import ClipFormat
from mmssl.data.decode.pyav import PyAVMedia, PyAVReader
from mmssl.data.decode.reader import Media, VideoInfo
from mmssl.errors import UsageError
from mmssl.evaluate.held_out import Watch
from mmssl.objective import Objective

_TALLEST = 360  # pixels of a picture beside others
_AHEAD = 32  # pictures that are asked for at once
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Warped:
    """One film on the clock of another.

    Attributes:
        file: its path.
        times: `[n]` seconds of this film at each moment of the clock.
        anomaly: `[n]` distance of its frame there to the nearest of the other films' frames, in units of the model.
    """

    file: str
    times: Floats
    anomaly: Floats

    def at(self, moments: Floats, seconds: Floats | float) -> Floats:
        """Where this film is at seconds of the clock, whose moments are given; linear between two of them."""
        return np.asarray(np.interp(seconds, moments, self.times), np.float64)


@dataclass(frozen=True)
class Aligned:
    """Films on one clock.

    Attributes:
        clock: number of the film whose clock it is.
        moments: `[n]` seconds of that clock.
        films: in the order given, the clock's own among them.
        labels: of the clock's film.
    """

    clock: int
    moments: Floats
    films: tuple[Warped, ...]
    labels: tuple[TimedLabel, ...] = ()

    def labels_of(self, film: Warped) -> list[TimedLabel]:
        """The labels at the times at which this film does the same."""
        return [label.moved(lambda time: float(film.at(self.moments, time))) for label in self.labels]

    def save(self, path: Path) -> None:
        """As JSON."""
        films = [
            {
                "file": film.file,
                "times": film.times.round(4).tolist(),
                "anomaly": film.anomaly.round(5).tolist(),
                "labels": [label.to_json() for label in self.labels_of(film)],
            }
            for film in self.films
        ]
        told = {
            "clock": self.films[self.clock].file,
            "moments": self.moments.round(4).tolist(),
            "films": films,
            "units": "seconds; anomaly: distance to the nearest of the frames in step, in units of the model",
        }
        write_atomically(path, json.dumps(told, indent=1) + "\n")


def warped(tracks: Sequence[FrameTrack], files: Sequence[str], clock: int, method: Method) -> Aligned:
    """Warp films to the clock of one of them and compare what is then in step.

    Args:
        tracks: at least two.
        files: their paths.
        clock: number of the film whose clock counts.
        method: `nearest` or `dtw` of `warp`.
    """
    reference = tracks[clock]
    own = np.arange(len(reference.times))
    answers = [own if n == clock else method(reference.vectors, t.vectors) for n, t in enumerate(tracks)]
    there = torch.stack([t.vectors[torch.from_numpy(rows)] for t, rows in zip(tracks, answers, strict=True)], dim=1)
    apart = torch.cdist(there, there, compute_mode="donot_use_mm_for_euclid_dist")  # [n, films, films]
    apart.diagonal(dim1=1, dim2=2).fill_(torch.inf)
    anomaly = apart.amin(2).double().numpy()
    films = [
        Warped(file, t.times[rows], anomaly[:, n])
        for n, (file, t, rows) in enumerate(zip(files, tracks, answers, strict=True))
    ]
    return Aligned(clock, reference.times, tuple(films))


@dataclass(frozen=True)
class Aligner:
    """A model that aligns films.

    Attributes:
        objective: in eval mode, with a video encoder.
        device: its.
        format: of a window.
    """

    objective: Objective
    device: torch.device
    format: ClipFormat

    def align(
        self,
        films: Sequence[str | Path],
        out: str | Path | None = None,
        sound: str | Path | None = None,
        method: str = "dtw",
        watch: Watch | None = None,
    ) -> Aligned:
        """Embed and warp the films, one after another, and show them beside each other; see `Model.align`."""
        files = [str(film) for film in films]
        if len(files) < 2:
            raise UsageError("align needs two or more films of one action")
        if sound is not None and str(sound) not in files:
            raise UsageError(f"--sound {sound} is none of the films; give one of {', '.join(files)}")
        if out is not None:
            check_target(Path(out), files)
        chosen, clock = named_method(method), 0 if sound is None else files.index(str(sound))
        half = 1.0 if out is None else 0.5
        tracks = []
        for number, file in enumerate(files):
            with PyAVReader().open(file, file) as media:
                tracks.append(track(self.objective, self.device, media, file, self.format))
            if watch is not None:
                watch(half * (number + 1) / len(files))
        aligned = warped(tracks, files, clock, chosen)
        if out is not None:
            side_by_side(aligned, Path(out), None if watch is None else lambda share: watch(0.5 + share / 2))
        return aligned


def side_by_side(aligned: Aligned, out: Path, watch: Watch | None = None) -> None:
    """Write the films beside each other, in step, at the pictures of the clock's film and with its sound.

    Args:
        aligned: what to show.
        out: file to write: .mp4, .mov or .mkv.
        watch: called as work goes on.

    Raises:
        MediaError: a film cannot be read.
        UsageError: `out` cannot be written.
    """
    leading = aligned.films[aligned.clock].file
    with ExitStack() as stack:
        media: list[PyAVMedia] = [stack.enter_context(PyAVReader().open(f.file, f.file)) for f in aligned.films]
        main = media[aligned.clock]
        infos = [one.info.video for one in media]
        assert all(info is not None for info in infos)
        height = min(_TALLEST, infos[aligned.clock].height) // 2 * 2  # type: ignore[union-attr]
        sizes = [(height, _width(info, height)) for info in infos if info is not None]
        shown = main.picture_times()
        others: list[Iterator[tuple[float, NDArray[np.uint8]]] | None] = [
            None if n == aligned.clock else _pictures(media[n], film.at(aligned.moments, shown), sizes[n])
            for n, film in enumerate(aligned.films)
        ]

        def draw(time: float, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
            row = []
            for film, size, pictures in zip(aligned.films, sizes, others, strict=True):
                if pictures is None:
                    when, seen = time, np.asarray(Image.fromarray(picture).resize((size[1], size[0])))
                else:
                    when, seen = next(pictures)
                row.append(caption(seen, drawable(f"{Path(film.file).name[-20:]} {when:.2f} s")))
            if watch is not None:
                watch(min(time / max(main.info.duration, 1e-9), 1.0))
            return np.concatenate(row, axis=1)

        redraw(leading, main, out, draw, (height, sum(width for _, width in sizes)))


def _width(info: VideoInfo, height: int) -> int:
    """Even, as near to the film's own proportions as that allows."""
    return max(round(info.width / info.height * height / 2), 1) * 2


def _pictures(media: Media, times: Floats, size: tuple[int, int]) -> Iterator[tuple[float, NDArray[np.uint8]]]:
    """The picture at each of `[n]` times, in any order, some decoded at once; the last for ever."""
    for begin in range(0, len(times), _AHEAD):
        part, place = np.unique(times[begin : begin + _AHEAD], return_inverse=True)
        frames = media.frames(part.tolist(), size)
        yield from ((float(part[p]), frames.pixels[p]) for p in place.tolist())
    last = float(times[-1])
    while True:
        yield last, media.frames([last], size).pixels[0]
