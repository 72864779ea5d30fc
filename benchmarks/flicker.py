"""Films whose brightness and loudness flicker alike, and an objective that reads both: synchrony without training."""

from pathlib import Path
from typing import ClassVar

import numpy as np
from torch import Tensor

from mmssl.batch import Modality
from mmssl.data.synthetic.film import write
from mmssl.encoder import Encoder
from mmssl.objectives.synchrony.sync_net import SyncNet

FPS, RATE = 25, 16_000
LOUDEST = 0.6  # mean size of the samples of the loudest sound


class Brightness(Encoder):
    """How bright each of five frames is."""

    modality: ClassVar[Modality] = "video"
    dim = 5

    def forward(self, inputs: Tensor) -> Tensor:
        """`[B, T, 3, H, W]` to `[B, T - 4, 1, 1, 5]`."""
        return inputs.float().mean((2, 3, 4)).unfold(1, 5, 1)[:, :, None, None] / 255


class Loudness(Encoder):
    """How loud each fifth of the sound is."""

    modality: ClassVar[Modality] = "audio"
    dim, sample_rate = 5, RATE

    def forward(self, inputs: Tensor) -> Tensor:
        """`[B, samples]` to `[B, 1, 1, 5]`."""
        return inputs.abs().unflatten(1, (5, -1)).mean(2)[:, None, None] / LOUDEST  # type: ignore[no-untyped-call, no-any-return]


def reader() -> SyncNet:
    """What tells the offset of such films."""
    return SyncNet(video=Brightness(), audio=Loudness())


def flicker(
    path: Path, seconds: float = 4.0, late: float = 0.0, seed: int = 0, alike: bool = True, drift: float = 0.0
) -> Path:
    """Write an MP4 of 32 pixels.

    Args:
        path: of the file.
        seconds: of the film.
        late: by which the sound comes after the picture.
        seed: of the flicker.
        alike: False gives the sound a flicker of its own.
        drift: seconds by which it comes later in each second.
    """
    margin = 10 + int(abs(late) + abs(drift) * seconds) + 1  # s of flicker before the film
    count = round((seconds + 2 * margin) * FPS)
    bright = np.random.default_rng(seed).uniform(0.1, 0.9, count)
    loud = bright if alike else np.random.default_rng(seed + 1000).uniform(0.1, 0.9, count)
    gray = bright[margin * FPS :][: round(seconds * FPS)] * 255
    pixels = np.broadcast_to(gray.astype(np.uint8)[:, None, None, None], (len(gray), 32, 32, 3))
    time = np.arange(round(seconds * RATE)) / RATE
    level = loud[(((time - late) / (1 + drift) + margin) * FPS + 1e-6).astype(int)]
    wave = LOUDEST * np.pi / 2 * level * np.sin(2 * np.pi * 1000 * time)  # as loud on average as it is bright
    write(path, pixels, wave.astype(np.float32), FPS, RATE)
    return path
