"""Sight and sound of tiny clips.

More about it.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional

from mmssl.batch import Batch, Modality
from mmssl.data.clips import Clips
from mmssl.data.window import CenterWindow, RandomWindow
from mmssl.encoder import Encoder
from mmssl.modules.temperature import Temperature
from mmssl.objective import Objective, Terms
from mmssl.run import Optimization, Run

PAIR: tuple[Modality, Modality] = ("video", "audio")


class Block(nn.Sequential):
    """What is recomputed and sharded by itself."""


class Sight(Encoder):
    modality = "video"

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.dim = 8
        first = Block(nn.Linear(3 * 16, 16), nn.LayerNorm(16), nn.ReLU())
        self.body = nn.Sequential(first, nn.Dropout(dropout), nn.Linear(16, 8))

    def forward(self, inputs: Tensor) -> Tensor:
        small = functional.adaptive_avg_pool2d(inputs.to(next(self.parameters()).dtype).flatten(0, 1) / 255, 4)
        grid: Tensor = self.body(small.flatten(1))
        return grid.reshape(*inputs.shape[:2], 8)


class Sound(Encoder):
    modality = "audio"
    sample_rate = 8000

    def __init__(self) -> None:
        super().__init__()
        self.dim = 8
        self.body = nn.Linear(400, 8)

    def forward(self, inputs: Tensor) -> Tensor:
        grid: Tensor = self.body(inputs.to(self.body.weight.dtype).reshape(len(inputs), -1, 400))
        return grid


class Agreement(Objective):
    """Distance of sight and sound: a mean over clips, so it may be cut into parts."""

    refreshed: Tensor

    def __init__(self, dropout: float, noise: float, normalize: bool, scale: bool) -> None:
        heads: dict[Modality, nn.Module] = {"video": nn.Linear(8, 8), "audio": nn.Linear(8, 8)}
        super().__init__({"video": Sight(dropout), "audio": Sound()}, heads)
        self.noise = noise
        self.scale = Temperature() if scale else None
        self.norm = nn.BatchNorm1d(8) if normalize else nn.Identity()
        self.register_buffer("refreshed", torch.zeros(()))
        self.progress: list[float] = []

    def forward(self, batch: Batch) -> tuple[Tensor, Terms]:
        sight, sound = (self.features(batch, m)[0].flatten(1, -2).mean(1) for m in PAIR)
        sight = self.norm(sight) if self.scale is None else self.norm(sight) * self.scale()
        loss = (sight - sound).square().mean() + (sight.square().mean(1) - 1).square().mean()
        if self.noise:
            loss = loss + self.noise * torch.rand(()) * sight.square().mean()
        return loss, {"size": sight.detach().norm(dim=1).mean()}

    def after_step(self, progress: float) -> None:
        self.progress.append(progress)

    def refresh(self, batches: Iterable[Batch]) -> None:
        self.refreshed += sum(len(batch) for batch in batches)


class Size:
    """An evaluation that draws random numbers, which must change nothing."""

    def __call__(self, objective: Objective) -> dict[str, float]:
        torch.rand(7)
        weight = objective.get_parameter("heads.audio.weight")
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
    scale: bool = False,
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
    objective = Agreement(dropout, noise, normalize, scale)
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
