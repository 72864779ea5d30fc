"""Eight tiny recordings, encoders of a few hundred weights, and runs of them."""

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from mmssl.training.recipe import Recipe

RECIPE = '''
"""Sight and sound of tiny clips.

More about it.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from mmssl.batch import Batch
from mmssl.data.clips import Clips
from mmssl.data.window import CenterWindow, RandomWindow
from mmssl.encoder import Encoder
from mmssl.objective import Objective, Terms
from mmssl.run import Optimization, Run


class Sight(Encoder):
    modality = "video"

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.dim = 8
        first = nn.Sequential(nn.Linear(3 * 16, 16), nn.LayerNorm(16), nn.ReLU())
        self.body = nn.Sequential(first, nn.Dropout(dropout), nn.Linear(16, 8))

    def forward(self, inputs: Tensor) -> Tensor:
        small = functional.adaptive_avg_pool2d(inputs.to(self.body[2].weight.dtype).flatten(0, 1) / 255, 4)
        return self.body(small.flatten(1)).unflatten(0, inputs.shape[:2])


class Sound(Encoder):
    modality = "audio"
    sample_rate = 8000

    def __init__(self) -> None:
        super().__init__()
        self.dim = 8
        self.body = nn.Linear(400, 8)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.body(inputs.to(self.body.weight.dtype).unflatten(1, (-1, 400)))


class Agreement(Objective):
    """Distance of sight and sound: a mean over clips, so it may be cut into parts."""

    def __init__(self, dropout: float, noise: float, normalize: bool) -> None:
        heads = {"video": nn.Linear(8, 8), "audio": nn.Linear(8, 8)}
        super().__init__({"video": Sight(dropout), "audio": Sound()}, heads)
        self.noise = noise
        self.norm = nn.BatchNorm1d(8) if normalize else nn.Identity()
        self.register_buffer("refreshed", torch.zeros(()))
        self.progress = []

    def forward(self, batch: Batch) -> tuple[Tensor, Terms]:
        sight, sound = (self.features(batch, m)[0].flatten(1, -2).mean(1) for m in ("video", "audio"))
        sight = self.norm(sight)
        loss = (sight - sound).square().mean() + (sight.square().mean(1) - 1).square().mean()
        if self.noise:
            loss = loss + self.noise * torch.rand(()) * sight.square().mean()
        return loss, {"size": sight.detach().norm(dim=1).mean()}

    def after_step(self, progress: float) -> None:
        self.progress.append(progress)

    def refresh(self, batches) -> None:
        self.refreshed += sum(len(batch) for batch in batches)


class Size:
    """An evaluation that draws random numbers, which must change nothing."""

    def __call__(self, objective: Objective) -> dict[str, float]:
        torch.rand(7)
        weight = objective.heads["audio"].weight
        return {"size": float(weight.norm()), "training": float(objective.training)}


def recipe(
    data: str,
    steps: int = 6,
    batch_size: int = 4,
    lr: float = 0.01,
    *,
    dropout: float = 0.5,
    noise: float = 0.0,
    ema: float = 0.0,
    accumulate: int = 1,
    precision: str = "fp32",
    compile: bool = False,
    refresh_every: int = 0,
    save_every: int = 2,
    evaluate_every: int = 2,
    weight_decay: float = 0.05,
    seed: int = 3,
    centered: bool = False,
    normalize: bool = False,
    double: bool = False,
    workers: int = 0,
) -> Run:
    """A run of seconds.

    Args:
        data: folder of recordings.
        steps: how long,
            in optimizer steps.
        lr (float): peak learning rate.
    """
    window = CenterWindow() if centered else RandomWindow()
    objective = Agreement(dropout, noise, normalize)
    objective = objective.double() if double else objective
    objective.refresh_every = refresh_every or None
    plan = Optimization(
        lr=lr, warmup=2, ema=ema, accumulate=accumulate, precision=precision, compile=compile, weight_decay=weight_decay
    )
    return Run(
        data=Clips(source=data, seconds=0.5, frames=2, pixels=16, sample_rate=8000, captions=0, window=window),
        objective=objective,
        steps=steps,
        batch_size=batch_size,
        optimization=plan,
        evaluations={"weights": Size()},
        evaluate_every=evaluate_every,
        save_every=save_every,
        seed=seed,
        workers=workers,
    )
'''


def write_recording(path: Path, number: int) -> None:
    """One second of a moving square and a tone."""
    with av.open(str(path), "w") as container:
        video, audio = container.add_stream("libx264", rate=8), container.add_stream("aac", rate=8000, layout="mono")
        assert isinstance(video, av.VideoStream)
        assert isinstance(audio, av.AudioStream)
        video.width = video.height = 32
        video.pix_fmt = "yuv420p"
        for i in range(8):
            picture = np.full((32, 32, 3), 20 * number, np.uint8)
            picture[8:16, 2 * i : 2 * i + 8] = 255 - 20 * number
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(video.encode())
        tone = np.sin(np.arange(8192) * (0.1 + 0.1 * number)).astype(np.float32)[None]
        for i in range(8):
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(tone[:, i * 1024 : (i + 1) * 1024]), "fltp", "mono")
            frame.sample_rate, frame.pts = 8000, i * 1024
            container.mux(audio.encode(frame))
        container.mux(audio.encode())


@pytest.fixture(scope="session")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recordings")
    for number in range(8):
        write_recording(folder / f"clip{number}.mp4", number)
    return folder


Build = Callable[..., Recipe]


@pytest.fixture
def build(page: Path, recordings: Path) -> Build:
    """The tiny recipe with other arguments."""
    return lambda **arguments: Recipe(page, {"data": str(recordings), **arguments})


@pytest.fixture(scope="session")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recipes") / "tiny.py"
    path.write_text(RECIPE.lstrip())
    return path
