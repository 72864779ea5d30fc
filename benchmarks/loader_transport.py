"""From a worker to the trainer: batches that need no decoding, through shared memory and through `DataLoader`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from benchmarks.children import Reading, Work, cpu_each, in_child, interleaved, rate, ratio, wall_each
from benchmarks.tables import Row
from mmssl.data.clips import Clips, OpenClips
from mmssl.data.decode.reader import Frames, MediaInfo, Source, VideoInfo
from mmssl.data.loader import training_batches
from mmssl.data.recordings import Recording

BATCH, FRAMES, PIXELS = 16, 16, 224
PICTURES: NDArray[np.uint8] = np.random.default_rng(0).integers(0, 255, (FRAMES, PIXELS, PIXELS, 3), np.uint8)
INFO = MediaInfo("memory", 10.0, VideoInfo("memory", PIXELS, PIXELS, 0.0, 10.0, 25.0, False, 0), None)


class AtHand:
    """A recording whose pictures are there already."""

    info = INFO

    def frames(self, times: Sequence[float], size: tuple[int, int] | None = None) -> Frames:
        """The same ones for any clip."""
        return Frames(PICTURES, np.asarray(times))

    def sound(self, start: float, samples: int, sample_rate: int) -> NDArray[np.float32]:
        """Silence."""
        return np.zeros(samples, np.float32)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        return None


@dataclass(frozen=True)
class AtHandReader:
    """Opens nothing."""

    name: str = "memory"

    def open(self, source: Source, name: str) -> AtHand:
        """Any recording."""
        return AtHand()

    def versions(self) -> dict[str, str]:
        """None."""
        return {}


class Numbered:
    """So many recordings of nothing."""

    name = "memory"

    def __init__(self, count: int) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Recording:
        return Recording(str(index), "mp4")

    def source(self, index: int) -> Source:
        """Its name."""
        return str(index)

    def fingerprint(self) -> str:
        """Its size."""
        return str(self.count)

    def groups(self) -> Sequence[str]:
        """Each its own."""
        return [str(index) for index in range(self.count)]


class Copies(Dataset[Tensor]):
    """What a common data set gives `DataLoader`: `[T, 3, H, W]` a clip."""

    def __init__(self, count: int, dtype: torch.dtype) -> None:
        self.count = count
        self.clip = torch.from_numpy(PICTURES).permute(0, 3, 1, 2).contiguous().to(dtype)

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Tensor:
        return self.clip


def at_hand(count: int) -> OpenClips:
    """Clips of pictures alone that need no decoding."""
    settings = Clips(
        source="memory", reader=AtHandReader(), seconds=2.0, frames=FRAMES, pixels=PIXELS, sample_rate=0, captions=0
    )
    return OpenClips(settings, [Numbered(count)], [1.0])


def _each(batches: Iterator[Any], count: int) -> Iterator[None]:
    """One item a clip, and a look at each batch as a trainer takes it."""
    for batch in islice(batches, count):
        assert batch.shape[:2] == (BATCH, FRAMES)
        yield from [None] * BATCH


def ours(count: int) -> Iterator[None]:
    """One worker."""
    batches = training_batches(at_hand(1000), batch_size=BATCH, seed=0, workers=1)
    yield from _each((batch.video for batch in batches), count)


def theirs(count: int, dtype: torch.dtype = torch.uint8) -> Iterator[None]:
    """One worker."""
    loader = DataLoader(Copies(count * BATCH, dtype), BATCH, num_workers=1)
    yield from _each(iter(loader), count)


def measure(batches: int, rounds: int) -> list[Row]:
    """Clips a second on the clock, and what the trainer's own process spends on each."""
    peer = "DataLoader, 1 worker"
    variants: dict[str, Work] = {
        "mmssl, 1 worker": lambda: ours(batches),
        peer: lambda: theirs(batches),
        "DataLoader, 1 worker, float32": lambda: theirs(batches // 4, torch.float32),
    }
    readings: dict[str, list[Reading]] = interleaved(variants, rounds)
    return [
        {
            "part": f"worker to trainer, {BATCH} of {FRAMES}x3x{PIXELS}x{PIXELS}",
            "setup": name,
            "figure": rate(readings[name], wall_each),
            "unit": "clips/s",
            "times the peer": ratio(readings[name], readings[peer], wall_each),
            "private MB": in_child(work, memory=True).private,
            "trainer's CPU ms a clip": 1e3 / rate(readings[name], cpu_each),
        }
        for name, work in variants.items()
    ]
