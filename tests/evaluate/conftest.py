"""A data set in memory, and an objective whose embeddings and maps are given row by row."""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mmssl.batch import Batch, Modality
from mmssl.data.clips import Clips, OpenClips
from mmssl.data.decode.capabilities import Capabilities
from mmssl.data.decode.reader import AudioInfo, Frames, Media, MediaInfo, Source, VideoInfo
from mmssl.data.recordings import Caption, Recording
from mmssl.data.tokens import WordTokenizer
from mmssl.encoder import Encoder
from mmssl.objective import Objective


@dataclass
class Film:
    """Four seconds of gray with a quiet tone."""

    width: int
    height: int
    info: MediaInfo = field(init=False)

    def __post_init__(self) -> None:
        picture = VideoInfo("raw", self.width, self.height, 0.0, 4.0, 25.0, False, 0)
        self.info = MediaInfo("memory", 4.0, picture, AudioInfo("raw", 8000, 1, 0.0, 4.0))

    def frames(self, times: Sequence[float], size: tuple[int, int] | None = None) -> Frames:
        height, width = size or (self.height, self.width)
        return Frames(np.full((len(times), height, width, 3), 128, np.uint8), np.asarray(times, np.float64))

    def sound(self, start: float, samples: int, sample_rate: int) -> NDArray[np.float32]:
        return np.full(samples, 0.1, np.float32)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None: ...


@dataclass(frozen=True)
class FilmReader:
    """Opens films of one size."""

    size: tuple[int, int] = (64, 64)
    name: str = "memory"
    capabilities: Capabilities = field(default_factory=Capabilities)

    def open(self, source: Source, name: str) -> Media:
        return Film(*self.size)

    def versions(self) -> dict[str, str]:
        return {}


class Listed:
    """Recordings from a list."""

    name = "memory"

    def __init__(self, recordings: Sequence[Recording]) -> None:
        self.recordings = list(recordings)

    def __len__(self) -> int:
        return len(self.recordings)

    def __getitem__(self, index: int) -> Recording:
        return self.recordings[index]

    def source(self, index: int) -> Source:
        return io.BytesIO()

    def fingerprint(self) -> str:
        return "memory"

    def groups(self) -> Sequence[str]:
        return [recording.group or recording.key for recording in self.recordings]


@dataclass(frozen=True, kw_only=True)
class MemoryClips(Clips):
    """`Clips` over a list of recordings."""

    listed: Sequence[Recording] = ()

    def open(self) -> OpenClips:
        return OpenClips(self, [Listed(self.listed)], [1.0])


class Silent(Encoder):
    """An encoder that is only there."""

    def __init__(self, modality: Modality) -> None:
        super().__init__()
        self.modality, self.dim = modality, 1  # type: ignore[misc]


class Given(Objective):
    """Embeddings by number of the recording, and maps from a function of the batch."""

    def __init__(self, heat: Callable[[Batch], Tensor] | None = None, **embeddings: Tensor) -> None:
        names: list[Any] = list(embeddings)
        super().__init__({name: Silent(name) for name in names}, {name: nn.Identity() for name in names})
        self.given, self.heat_of = embeddings, heat

    def embed(self, batch: Batch) -> dict[Modality, Tensor]:
        if "index" not in batch:  # text in another language: the first word decides
            return {"text": self.given["text"][batch.text[:, 0, 0].clamp(min=0)]}
        return {m: self.given[m][batch.index] for m in batch.modalities if m in self.given}

    def heat(self, batch: Batch) -> Tensor:
        assert self.heat_of is not None
        return self.heat_of(batch)


@pytest.fixture
def given() -> type[Given]:
    return Given


@pytest.fixture
def memory_clips() -> Callable[..., Clips]:
    """Clips over `count` recordings; captions by number of the recording."""

    def make(
        count: int, captions: Sequence[Sequence[Caption]] = (), size: tuple[int, int] = (64, 64), **changed: Any
    ) -> Clips:
        recordings = [Recording(f"clip{number:03d}", "mp4") for number in range(count)]
        for number, told in enumerate(captions):
            recordings[number] = replace(recordings[number], captions=tuple(told))
        listed = changed.pop("listed", recordings)
        tokenizer = WordTokenizer.build([c.text for told in captions for c in told], 50) if captions else None
        settings = {"seconds": 1.0, "frames": 4, "pixels": 32, "sample_rate": 8000, "words": 4} | changed
        return MemoryClips(source="memory", listed=listed, tokenizer=tokenizer, reader=FilmReader(size), **settings)

    return make


def unit(count: int) -> Tensor:
    return torch.eye(count)
