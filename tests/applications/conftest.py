"""A tiny model with random weights, and a film in which a bright square moves and a tone sounds."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from mmssl.applications.model import Model
from mmssl.data.clips import Clips
from mmssl.data.synthetic.film import write
from mmssl.data.tokens import WordTokenizer
from mmssl.encoders.audio_resnet import AudioResNet
from mmssl.encoders.image_small import ImageSmall
from mmssl.encoders.text_words import TextMean
from mmssl.modules.front_ends import log_mel
from mmssl.modules.resnet import group_norm
from mmssl.objectives.contrastive.info_nce import InfoNCE
from mmssl.run import Run

Film = Callable[..., Path]


@pytest.fixture(scope="session")
def tiny_model() -> Model:
    torch.manual_seed(0)
    words = WordTokenizer(["red", "ball", "rot"])
    objective = InfoNCE(
        video=ImageSmall(),
        audio=AudioResNet(log_mel(), width=8, depths=(1, 1, 1), strides=(1, 2, 2), norm=group_norm),
        text=TextMean(words.size, 16),
        dim=16,
    )
    data = Clips(source="nowhere", seconds=1.0, frames=2, pixels=32, words=4, tokenizer=words)
    return Model(Run(data=data, objective=objective, steps=1, batch_size=2), torch.device("cpu"))


@pytest.fixture(scope="session")
def make_film(tmp_path_factory: pytest.TempPathFactory) -> Film:
    """`make_film(seconds, height, width, name)`: 10 pictures a second, a 440 Hz tone of 16 kHz."""

    def make(seconds: float = 3.0, height: int = 48, width: int = 64, name: str = "film.mp4") -> Path:
        path = tmp_path_factory.mktemp("film") / name
        frames = np.full((round(seconds * 10), height, width, 3), 40, np.uint8)
        for number, frame in enumerate(frames):
            left = round(number / len(frames) * (width - 12))
            frame[8:20, left : left + 12] = (250, 220, 30)
        tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(round(seconds * 16_000)) / 16_000)
        write(path, frames, tone.astype(np.float32), 10, 16_000)
        return path

    return make
