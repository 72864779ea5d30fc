"""Recordings and a decoder in memory, so that what is tested is the loader."""

import ctypes
import faulthandler
import io
import math
import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import pytest
from numpy.typing import NDArray

from mmssl.data.clips import Clips, OpenClips
from mmssl.data.decode.capabilities import Capabilities
from mmssl.data.decode.reader import AudioInfo, Frames, MediaInfo, Source, VideoInfo
from mmssl.data.recordings import Caption, Recording
from mmssl.data.tokens import WordTokenizer
from mmssl.errors import Fault, MediaError


@dataclass(frozen=True)
class Film:
    """What a recording holds; picture and sound are its number and the time."""

    duration: float = 6.0
    has_video: bool = True
    has_audio: bool = True
    audio_start: float = 0.0
    fault: Fault | None = None
    broken_from: float = math.inf  # seconds; pictures from here on do not decode
    stuck: bool = False  # its decoder never ends
    crash: bool = False  # its decoder ends the process
    captions: tuple[Caption, ...] = (Caption("a red ball", "en"),)
    group: str = ""
    label: str = ""
    start: float | None = None
    end: float | None = None


class FakeMedia:
    def __init__(self, number: int, film: Film) -> None:
        self.number, self.film = number, film
        video = VideoInfo("fake", 32, 32, 0.0, film.duration, 25.0, False, 0) if film.has_video else None
        length = film.duration - film.audio_start
        audio = AudioInfo("fake", 8000, 1, film.audio_start, length) if film.has_audio else None
        self.info = MediaInfo("fake", film.duration, video, audio)

    def frames(self, times: Sequence[float], size: tuple[int, int] | None = None) -> Frames:
        if self.film.stuck:
            ctypes.PyDLL(None).sleep(600)  # in native code and without letting go of Python's lock
        if self.film.crash:
            faulthandler.disable()
            os.kill(os.getpid(), signal.SIGSEGV)
        assert list(times) == sorted(times)
        if times[-1] >= self.film.broken_from:
            raise MediaError(f"film{self.number:04d}.fake", Fault.CORRUPT, "made so; leave it")
        height, width = size or (32, 32)
        pixels = np.zeros((len(times), height, width, 3), dtype=np.uint8)
        pixels[..., 0], pixels[..., 1] = self.number, (np.asarray(times) * 10).astype(np.uint8)[:, None, None]
        return Frames(pixels, np.floor(np.asarray(times) * 25) / 25)

    def sound(self, start: float, samples: int, sample_rate: int) -> NDArray[np.float32]:
        return (start + np.arange(samples) / sample_rate).astype(np.float32)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        return None


@dataclass
class FakeReader:
    films: list[Film]
    name: str = "fake"
    capabilities: Capabilities = field(default_factory=Capabilities)
    opened: list[str] = field(default_factory=list)

    def open(self, source: Source, name: str) -> FakeMedia:
        assert not isinstance(source, str)
        number = int(source.read())
        self.opened.append(name)
        fault = self.films[number].fault
        if fault is not None:
            raise MediaError(name, fault, "made unreadable; leave it")
        return FakeMedia(number, self.films[number])

    def versions(self) -> dict[str, str]:
        return {"fake": "1"}


class FakeRecordings:
    def __init__(self, films: list[Film], name: str = "fake") -> None:
        self.films, self.name = films, name
        self.given: list[io.BytesIO] = []

    def __len__(self) -> int:
        return len(self.films)

    def __getitem__(self, index: int) -> Recording:
        film = self.films[index]
        return Recording(f"film{index:04d}", "fake", film.captions, film.start, film.end, film.label, film.group)

    def source(self, index: int) -> Source:
        self.given.append(io.BytesIO(str(index).encode()))
        return self.given[-1]

    def fingerprint(self) -> str:
        return f"{self.name}{len(self)}"

    def groups(self) -> Sequence[str]:
        return [film.group or f"film{index:04d}" for index, film in enumerate(self.films)]


OpenFilms = Callable[..., OpenClips]


@pytest.fixture
def open_films() -> OpenFilms:
    """Films, or counts of plain ones with their weights, to `OpenClips` with small clips."""

    def make(films: Sequence[Film] | dict[int, float], **settings: Any) -> OpenClips:
        small = {"seconds": 2.0, "frames": 4, "pixels": 8, "sample_rate": 1000, "words": 4}
        if isinstance(films, dict):
            sources = [FakeRecordings([Film()] * count, f"source{count}") for count in films]
            reader = FakeReader([Film()] * max(films))
            weights = list(films.values())
        else:
            sources, reader, weights = [FakeRecordings(list(films))], FakeReader(list(films)), [1.0]
        known: dict[str, Any] = {"tokenizer": WordTokenizer(["a", "red", "blue", "ball"]), **small, **settings}
        return OpenClips(Clips(source="memory", reader=reader, **known), sources, weights)

    return make


@pytest.fixture
def film() -> type[Film]:
    return Film
