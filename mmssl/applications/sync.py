"""By how much is the sound of a film late? One offset for all of it, and one for each moment."""

import json
import math
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mmssl.applications.windows import read_windows, window_starts
from mmssl.data.atomic import write_atomically
from mmssl.data.clip import ClipFormat
from mmssl.data.decode.pyav import PyAVReader
from mmssl.data.decode.reader import Media, Reader
from mmssl.errors import EvaluationError, Fault, MediaError, UsageError
from mmssl.evaluate.drift import drift
from mmssl.evaluate.held_out import Watch
from mmssl.evaluate.offsets import answer, certainty, curve, finer
from mmssl.evaluate.sync_numbers import CERTAIN
from mmssl.evaluate.synchrony import Synchronizer

SHORTEST = 1.0  # s of picture and sound
CHUNK = 4  # stretches of a film that are in memory at once
_AT_ONCE = 1024  # moments of a track


@dataclass(frozen=True)
class Moment:
    """The offset around one time; None where too little sound is around it, as at the ends."""

    time: float  # s
    offset: float | None  # s
    confidence: float | None


@dataclass(frozen=True)
class Synced:
    """What was found in a film.

    Attributes:
        file: its path.
        offset: seconds by which the sound is late: what is seen at t is heard at t + offset.
        frames: the same in pictures of the film.
        confidence: median of the mean distances minus the least, on the model's own scale.
        certainty: how often the same offset is found when half seconds of the film are drawn again; 0 to 1.
        shifts: seconds that were tried.
        distances: the mean distance at each; None where too few windows know it.
        track: an offset a window of picture.
        drift: seconds by which the sound falls further behind in each second; None where it does not, or none is told.
    """

    file: str
    offset: float
    frames: float
    confidence: float
    certainty: float
    shifts: tuple[float, ...]
    distances: tuple[float | None, ...]
    track: tuple[Moment, ...]
    drift: float | None = None

    @property
    def certain(self) -> bool:
        """Whether the offset is worth telling."""
        return self.certainty >= CERTAIN

    @property
    def verdict(self) -> str:
        """`drifting`, `late`, `early`, `in synchrony` to within a picture, or `unknown`."""
        if self.drift is not None:
            return "drifting"
        if not self.certain:
            return "unknown"
        return "in synchrony" if abs(self.frames) <= 1 else "late" if self.offset > 0 else "early"

    def demand_certainty(self) -> None:
        """Refuse what rests on an offset that was not found.

        Raises:
            EvaluationError: the same offset is not found again in other seconds of the film.
        """
        if not self.certain:
            told = f"{self.certainty:.0%} of draws of its half seconds, below {CERTAIN:.0%}"
            raise EvaluationError(f"{self.file}: no offset can be told: the same one was found in {told}")

    def save(self, path: Path) -> None:
        """As JSON."""
        fields: dict[str, Any] = {**asdict(self), "certain": self.certain}
        fields["units"] = "seconds; an offset above 0 is sound that comes late"
        write_atomically(path, json.dumps(fields, indent=1, allow_nan=False) + "\n")


@dataclass(frozen=True)
class Syncer:
    """Finds offsets with one objective.

    Attributes:
        objective: a `Synchronizer` in eval mode.
        device: its.
        format: of the clips that it was trained on.
        reach: seconds to either side in which an offset is sought; less in a short film.
        average: seconds over which a moment of the track is averaged.
        reader: decoder, which keeps picture and sound together.
    """

    objective: Synchronizer
    device: torch.device
    format: ClipFormat
    reach: float = 0.6
    average: float = 1.0
    reader: Reader = field(default_factory=PyAVReader)

    def __post_init__(self) -> None:
        if not isinstance(self.objective, Synchronizer):
            name = type(self.objective).__name__
            raise UsageError(f"{name} cannot tell offsets; train a model that can, such as recipes/sync_net.py")
        if not (self.reach >= self.objective.sync_step and self.average > 0):
            raise UsageError(f"reach is {self.reach:g} s; give at least one step, {self.objective.sync_step:g} s")

    def sync(self, path: str | Path, watch: Watch | None = None) -> Synced:
        """The offset of a film.

        Raises:
            MediaError: it cannot be read, has no picture or no sound, or is shorter than a second.
            EvaluationError: the model's distances say nothing.
        """
        with self.reader.open(str(path), str(path)) as media:
            return self.synced(media, str(path), watch=watch)

    def synced(
        self, media: Media, name: str, part: tuple[float, float] = (0.0, math.inf), watch: Watch | None = None
    ) -> Synced:
        """The offset in the seconds [begin, end) of an open film; raises as `sync`."""
        begin, end = _common(media, name, part)
        volume = self._volume(media, begin, end, watch)
        video, step = media.info.video, self.objective.sync_step
        assert video is not None
        mean = curve(volume)
        found = answer(mean)
        if not found.confidence.isfinite():
            raise EvaluationError(f"{name}: distances of picture and sound are not finite; look at the training")
        reach = volume.shape[1] // 2
        offset = float(finer(mean)) * step
        return Synced(
            file=name,
            offset=round(offset, 6),
            frames=round(offset * video.fps, 3),
            confidence=float(found.confidence),
            certainty=certainty(volume, step),
            shifts=tuple(round(step * shift, 6) for shift in range(-reach, reach + 1)),
            distances=tuple(None if value != value else value for value in mean.tolist()),
            track=tuple(self._track(volume, begin)),
            drift=drift(volume, step),
        )

    @torch.inference_mode()
    def _volume(self, media: Media, begin: float, end: float, watch: Watch | None) -> Tensor:
        """`[N, 2 reach + 1]` distances of the window around `begin + n sync_step`, stretch by stretch.

        Stretches overlap so that each window is in one that holds its sound at all shifts.
        """
        step, format = self.objective.sync_step, self.format
        frames = min(round(max(format.seconds, 4 * self.reach) / step), int((end - begin) / step + 1e-6))
        reach = min(round(self.reach / step), frames // 3)
        cut = replace(format, seconds=frames * step, frames=frames)
        volume = torch.full((int((end - begin) / step) + 2, 2 * reach + 1), torch.nan)
        known = torch.zeros(len(volume), dtype=torch.int64)

        def look(starts: NDArray[np.float64]) -> None:
            for batch in read_windows(media, starts, cut, ("video", "audio"), chunk=CHUNK):
                distances = self.objective.sync_distances(batch.to(self.device), reach).float().cpu()
                for start, part in zip(batch.start.tolist(), distances, strict=True):
                    first = round((start - begin) / step + (frames - len(part)) / 2)
                    rows = torch.arange(first, first + len(part)).clamp(0, len(volume) - 1)
                    told = (~part.isnan()).sum(1)
                    better = told > known[rows]
                    volume[rows[better]], known[rows[better]] = part[better], told[better]
                if watch is not None:
                    watch(min((float(batch.start[-1]) + cut.seconds - begin) / (end - begin), 1.0))

        look(np.array([begin]))
        whole = int((known == known.max()).sum())
        look(window_starts(begin, end, cut.seconds, max(whole, frames // 4) * step)[1:])
        return volume

    def _track(self, volume: Tensor, begin: float) -> list[Moment]:
        step = self.objective.sync_step
        count = max(round(self.average / step), 1)
        padded = torch.nn.functional.pad(volume.T, (count // 2, (count - 1) // 2), value=torch.nan).T
        windows = padded.unfold(0, count, 1).transpose(1, 2)  # type: ignore[no-untyped-call]
        moments = []
        for first in range(0, len(volume), _AT_ONCE):
            mean = curve(windows[first : first + _AT_ONCE])
            whole, found = ~mean.isnan().any(1), answer(mean)
            for number in range(len(mean)):
                time = round(begin + (first + number) * step, 6)
                if whole[number]:
                    moments.append(
                        Moment(time, round(float(found.steps[number]) * step, 6), float(found.confidence[number]))
                    )
                else:
                    moments.append(Moment(time, None, None))
        return moments


def _common(media: Media, name: str, part: tuple[float, float]) -> tuple[float, float]:
    """Begin and end of the seconds of a part that have both picture and sound.

    Raises:
        MediaError: there are none, or too few.
    """
    video, audio = media.info.video, media.info.audio
    if video is None:
        raise MediaError(name, Fault.NO_VIDEO, "it has no picture that its sound could be late for")
    if audio is None:
        raise MediaError(name, Fault.NO_AUDIO, "it has no sound that could be late")
    begin = max(part[0], video.start, audio.start)
    end = min(part[1], video.start + video.duration, audio.start + audio.duration)
    if end - begin < SHORTEST:
        told = f"{max(end - begin, 0):.2f} s have picture and sound, and an offset needs {SHORTEST:g} s"
        raise MediaError(name, Fault.TOO_SHORT, told)
    return begin, end
