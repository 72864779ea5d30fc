"""Heat maps of a whole film: its windows one after another, the whole picture, any moment."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mmssl.applications.windows import read_windows, window_starts
from mmssl.batch import Batch
from mmssl.data.clip import ClipFormat
from mmssl.data.decode.reader import Media
from mmssl.evaluate.maps import raster
from mmssl.objective import Objective

CANVAS = 64  # pixels of a map's shorter side


@dataclass(frozen=True)
class Tiles:
    """Squares that cover a picture which is not square, as a model that was trained on squares must see it.

    Attributes:
        height: of the picture, in pixels of the model.
        width: likewise; one of both is the square's side.
        corners: top and left of each square.
    """

    height: int
    width: int
    corners: tuple[tuple[int, int], ...]

    @classmethod
    def covering(cls, height: int, width: int, side: int) -> "Tiles":
        """For a film of `height x width` pixels: its shorter side becomes `side`, neighbors overlap."""
        scale = side / min(height, width)
        high, wide = max(side, round(height * scale)), max(side, round(width * scale))
        long = max(high, wide)
        # A twentieth more than the square is left to the squares' own context.
        count = int(np.ceil(long / side - 0.05))
        steps = [round(step) for step in np.linspace(0, long - side, count)] if count > 1 else [(long - side) // 2]
        return cls(high, wide, tuple((0, step) if wide >= high else (step, 0) for step in steps))

    @property
    def side(self) -> int:
        """Of each square."""
        return min(self.height, self.width)

    def cut(self, video: Tensor) -> Tensor:
        """`[B, T, 3, height, width]` to `[B * squares, T, 3, side, side]`, the squares of one clip together."""
        side = self.side
        cut = [video[..., top : top + side, left : left + side] for top, left in self.corners]
        return torch.stack(cut, dim=1).flatten(0, 1)

    def joined(self, maps: Tensor) -> Tensor:
        """`[B * squares, T', h, w]` to `[B, T', H, W]` of the whole picture, whose shorter side is `CANVAS`.

        Where squares overlap, each counts by how far the place is from its border, so that no seam shows.
        """
        times = maps.shape[1]
        fine = raster(maps.flatten(0, 1), CANVAS).reshape(-1, len(self.corners), times, CANVAS, CANVAS)
        scale = CANVAS / self.side
        shape = (round(self.height * scale), round(self.width * scale))
        ramp = torch.minimum(torch.arange(CANVAS) + 1, CANVAS - torch.arange(CANVAS)).float()
        # A product: along the side on which squares neighbor each other their shares are then alike in every row.
        weight = ramp.unsqueeze(1) * ramp
        total, weights = torch.zeros(len(fine), times, *shape), torch.zeros(shape)
        for number, corner in enumerate(self.corners):
            top, left = (min(round(c * scale), s - CANVAS) for c, s in zip(corner, shape, strict=True))
            place = (..., slice(top, top + CANVAS), slice(left, left + CANVAS))
            total[place] += fine[:, number] * weight
            weights[place[1:]] += weight
        covered = weights > 0
        # The rim that no square sees, less than a twentieth of one, is as cold as the coldest place.
        return torch.where(covered, total / weights.clamp(min=1e-9), fine.amin().expand_as(total))


@dataclass(frozen=True)
class WindowHeat:
    """Maps of one window."""

    start: float
    times: NDArray[np.float64]  # [T'] seconds
    maps: Tensor  # [T', H, W], CPU

    def at(self, time: float) -> Tensor:
        """`[H, W]`, linear between two maps, held before the first and after the last."""
        place = float(np.interp(time, self.times, np.arange(len(self.times))))
        before = int(place)
        after = min(before + 1, len(self.times) - 1)
        return torch.lerp(self.maps[before], self.maps[after], place - before)


@dataclass(frozen=True)
class HeatFilm:
    """One open film and the objective that looks at it.

    Attributes:
        objective: in eval mode.
        device: its.
        media: open, with picture and sound.
        format: of a window.
        stride: seconds between windows.
    """

    objective: Objective
    device: torch.device
    media: Media
    format: ClipFormat
    stride: float

    @property
    def tiles(self) -> Tiles:
        """Squares that cover its picture."""
        video = self.media.info.video
        assert video is not None
        return Tiles.covering(video.height, video.width, self.format.pixels)

    def starts(self) -> NDArray[np.float64]:
        """Of all windows, over the seconds of the picture."""
        video = self.media.info.video
        assert video is not None
        return window_starts(video.start, video.start + video.duration, self.format.seconds, self.stride)

    @torch.inference_mode()
    def heat(
        self, starts: Sequence[float] | NDArray[np.float64], sound: Callable[[Batch], Tensor] | None = None
    ) -> Iterator[WindowHeat]:
        """Maps of windows in order.

        Args:
            starts: seconds.
            sound: another sound for a batch, `[B, S]`; its own when None.
        """
        tiles = self.tiles
        size = (tiles.height, tiles.width)
        for batch in read_windows(self.media, starts, self.format, ("video", "audio"), chunk=4, height_width=size):
            audio = batch.audio if sound is None else sound(batch)
            rows = {name: t.repeat_interleave(len(tiles.corners), 0) for name, t in batch.tensors()}
            rows |= {"video": tiles.cut(batch.video), "audio": audio.repeat_interleave(len(tiles.corners), 0)}
            squares = Batch(keys=None, **rows).to(self.device)
            maps = tiles.joined(self.objective.heat(squares).float().cpu())
            for start, window in zip(batch.start.tolist(), maps, strict=True):
                count = len(window)
                times = start + (np.arange(count) + 0.5) * self.format.seconds / count
                yield WindowHeat(start, times, window)


class HeatTimeline:
    """The map at any moment, from windows that arrive in order; asked for ever later moments.

    Windows that overlap are averaged, each by how near the moment is to its middle.
    """

    def __init__(self, windows: Iterator[WindowHeat], seconds: float) -> None:
        self._coming, self._seconds = windows, seconds
        self._open: deque[WindowHeat] = deque()
        self._next: WindowHeat | None = next(windows, None)

    def at(self, time: float) -> Tensor:
        """`[H, W]`; the last window stays after its end."""
        while self._next is not None and (self._next.start <= time or not self._open):
            self._open.append(self._next)
            self._next = next(self._coming, None)
        while len(self._open) > 1 and self._open[0].start + self._seconds <= time:
            self._open.popleft()
        half = self._seconds / 2
        weights = [max(1 - abs(time - window.start - half) / half, 1e-3) for window in self._open]
        total = torch.zeros_like(self._open[0].maps[0])
        for window, weight in zip(self._open, weights, strict=True):
            total += window.at(time) * (weight / sum(weights))
        return total
