"""A small world on disk, and how its files are read."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mmssl.data.decode.pyav import PyAVReader
from mmssl.data.decode.reader import MediaInfo
from mmssl.data.synthetic.difficulty import Difficulty
from mmssl.data.synthetic.generate import World, synthesize
from mmssl.data.synthetic.truth import Truth


@dataclass(frozen=True)
class Film:
    """One decoded clip."""

    frames: NDArray[np.uint8]
    sound: NDArray[np.float32]
    info: MediaInfo
    truth: Truth


@pytest.fixture(scope="session")
def world_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("synthetic") / "world"
    world = World(seed=3, difficulty=Difficulty(objects=(2, 4), sounding=2, offscreen=0.0, noise=(-50, -40)))
    synthesize(folder, 12, world=world, splits={"train": 8, "valid": 2, "test": 2}, progress=False)
    return folder


@pytest.fixture(scope="session")
def open_film() -> Callable[[Path], Film]:
    def read(path: Path) -> Film:
        truth = Truth.from_json(json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))["truth"])
        with PyAVReader().open(str(path), path.name) as media:
            frames = media.frames(truth.frame_times)
            sound = media.sound(0.0, round(truth.seconds * truth.sample_rate), truth.sample_rate)
            return Film(frames.pixels, sound, media.info, truth)

    return read


@pytest.fixture(scope="session")
def films(world_folder: Path, open_film: Callable[[Path], Film]) -> list[Film]:
    return [open_film(path) for path in sorted(world_folder.glob("*/*.mp4"))]
