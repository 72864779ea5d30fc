"""Tiny encoders without BatchNorm, a batch of all modalities, and any objective built from its signature.

`one_of_many.py` loads this file by path in its own processes.
"""

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from typing import ClassVar

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel

import mmssl.objectives
from mmssl.batch import Batch, Modality
from mmssl.encoder import Encoder
from mmssl.encoders.video_small import VideoSmall
from mmssl.modules.contrast import Contrast, contrast
from mmssl.modules.scores import Pooled
from mmssl.modules.sigmoid import sigmoid_loss
from mmssl.modules.tiles import Side
from mmssl.modules.tower_policy import towers
from mmssl.objective import Objective
from mmssl.objectives.contrastive.info_nce import info_nce
from mmssl.objectives.contrastive.lit import LiT
from mmssl.objectives.contrastive.mil_nce import mil_nce, mil_nce_as_released
from mmssl.training.batch_norm import share_statistics

RATE, SECONDS, FRAMES, PIXELS, WORDS = 40, 2, 8, 8, 24


class TinyVideo(Encoder):
    modality: ClassVar[Modality] = "video"

    def __init__(self, dim: int = 16) -> None:
        super().__init__()
        self.dim, self.patches = dim, nn.Conv2d(3, dim, 4, 4)

    def forward(self, inputs: Tensor) -> Tensor:
        pixels = inputs if inputs.is_floating_point() else inputs / 255
        grid: Tensor = functional.gelu(self.patches(pixels.flatten(0, 1) * 2 - 1))
        return grid.movedim(1, -1).unflatten(0, inputs.shape[:2])  # type: ignore[no-untyped-call, no-any-return]


class TinyAudio(Encoder):
    modality: ClassVar[Modality] = "audio"
    sample_rate = RATE

    def __init__(self, dim: int = 16) -> None:
        super().__init__()
        self.dim, self.windows = dim, nn.Linear(10, dim)

    def forward(self, inputs: Tensor) -> Tensor:
        return functional.gelu(self.windows(inputs.reshape(len(inputs), -1, 1, 10)))


class TinyText(Encoder):
    modality: ClassVar[Modality] = "text"

    def __init__(self, dim: int = 16) -> None:
        super().__init__()
        self.dim, self.words, self.out = dim, nn.Embedding(WORDS, dim), nn.Linear(dim, dim)

    def forward(self, inputs: Tensor) -> Tensor:
        out: Tensor = self.out(functional.gelu(self.words(inputs.clamp(min=0))))
        return out

    def mask(self, inputs: Tensor) -> Tensor:
        return inputs >= 0


TINY: dict[str, type[Encoder]] = {"video": TinyVideo, "audio": TinyAudio, "text": TinyText}


def found() -> list[type[Objective]]:
    """Every Objective defined anywhere below `mmssl.objectives`."""
    names = [info.name for info in pkgutil.walk_packages(mmssl.objectives.__path__, "mmssl.objectives.")]
    modules = [importlib.import_module(name) for name in sorted(names)]
    members = [(module, member) for module in modules for _, member in inspect.getmembers(module, inspect.isclass)]
    return [cls for module, cls in members if issubclass(cls, Objective) and cls.__module__ == module.__name__]


# Seconds of the papers do not always fit clips of 2 s with four frames a second, nor 1024 negatives eight clips.
FITTED: dict[str, dict[str, float]] = {
    "AVIDCMA": {"negatives": 64},
    "AVTS": {"seconds": 0.5, "gap": 0.25, "step": 0.25},
    "Multisensory": {"seconds": 0.75, "gap": 0.5, "step": 0.25},
    "SyncNet": {"seconds": 0.25, "nearest": 0.25, "step": 0.25, "margin": 1.0},
    "PerfectMatch": {"seconds": 0.25, "nearest": 0.25, "step": 0.25},
}


def build(cls: type[Objective], seed: int = 0) -> Objective:
    """With tiny encoders for arguments called like a modality, defaults for others that fit, and a first refresh."""
    torch.manual_seed(seed)
    tiny = {name: TINY[name]() for name in inspect.signature(cls).parameters if name in TINY}
    objective = cls(**tiny, **FITTED.get(cls.__name__, {}))  # type: ignore[arg-type]
    if objective.refresh_every:
        objective.refresh([sample()])
    return objective


def sample(clips: int = 8, captions: int = 2, seed: int = 0) -> Batch:
    """Clips of 2 s, all valid, each of its own group."""
    generator = torch.Generator().manual_seed(seed)
    start = torch.rand(clips, generator=generator).double() * 5
    frames = (torch.arange(FRAMES) + 0.5) * SECONDS / FRAMES - 0.03  # a frame is shown somewhat before it is asked for
    return Batch(
        video=torch.randint(0, 256, (clips, FRAMES, 3, PIXELS, PIXELS), dtype=torch.uint8, generator=generator),
        audio=torch.rand(clips, RATE * SECONDS, generator=generator) * 2 - 1,
        text=torch.randint(0, WORDS, (clips, captions, 5), generator=generator),
        index=torch.arange(clips),
        group=torch.arange(clips) + 100,
        seed=torch.randint(0, 2**60, (clips,), generator=generator),
        start=start,
        video_times=start.unsqueeze(1) + frames,
        video_valid=torch.ones(clips, dtype=torch.bool),
        audio_valid=torch.ones(clips, dtype=torch.bool),
        text_valid=torch.ones(clips, captions, dtype=torch.bool),
        keys=tuple(f"clip-{number}" for number in range(clips)),
    )


def changed(batch: Batch, **tensors: Tensor) -> Batch:
    """The batch with other tensors in some places."""
    return Batch(keys=batch.keys, **{**dict(batch.tensors()), **tensors})


def with_holes(clips: int = 8) -> Batch:
    """Modalities missing more in the first half, groups and captions shared across the halves, padded text."""
    batch = sample(clips)
    batch.video_valid[0], batch.audio_valid[1:3], batch.text_valid[1] = False, False, False
    batch.text_valid[clips - 1, 1] = False
    batch.text[3, 0] = batch.text[clips - 2, 1]
    batch.text[2:, :, 3:] = -1
    batch.group[clips - 1] = batch.group[3]
    return batch


def colored_sounds(clips: int, seed: int) -> tuple[Batch, Tensor]:
    """Four kinds of clips, one quarter of the picture colored and a tone by kind; and which quarter, `[B]` of 0 to 3.

    Kinds are groups, as two clips of one kind do correspond.
    """
    batch, generator = sample(clips, seed=seed), torch.Generator().manual_seed(seed)
    kind = torch.arange(clips) % 4
    quarter = torch.randint(0, 4, (clips,), generator=generator)
    colors = torch.tensor([[230, 20, 20], [20, 230, 20], [20, 20, 230], [230, 230, 20]], dtype=torch.uint8)
    video = torch.randint(90, 160, batch.video.shape, dtype=torch.uint8, generator=generator)
    for clip in range(clips):
        row, column = 4 * (int(quarter[clip]) // 2), 4 * (int(quarter[clip]) % 2)
        video[clip, :, :, row : row + 4, column : column + 4] = colors[kind[clip]][:, None, None]
    hertz = torch.tensor([4.0, 8.0, 12.0, 16.0])[kind].unsqueeze(1)
    phase = torch.rand(clips, 1, generator=generator)
    audio = torch.sin(2 * torch.pi * (hertz * torch.arange(RATE * SECONDS) / RATE + phase))
    return changed(batch, video=video, audio=audio, group=kind), quarter


def train(objective: Objective, steps: int, clips: int = 32) -> float:
    """Fresh clips of `colored_sounds` each step; the mean accuracy of the last ten."""
    optimizer, right = torch.optim.Adam(objective.parameters(), 0.01), [0.0]
    for step in range(steps):
        loss, terms = objective(colored_sounds(clips, seed=step)[0])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        objective.after_step(step / steps)
        right.append(float(terms.get("accuracy", 0.0)))
    return sum(right[-10:]) / 10


@pytest.fixture(name="train")
def train_fixture() -> Callable[..., float]:
    return train


@pytest.fixture(name="colored_sounds")
def colored_sounds_fixture() -> Callable[..., tuple[Batch, Tensor]]:
    return colored_sounds


def one_sided(clips: int = 8) -> Batch:
    """No clip of the first half has sound, so one of two processes has no pair of its own."""
    batch = sample(clips)
    batch.audio_valid[: clips // 2] = False
    return batch


def _likelihood(form: Callable[[Contrast], Tensor]) -> Callable[[Side, Side, Tensor, Tensor], Tensor]:
    return lambda rows, columns, scale, _: form(contrast(Pooled(), rows, columns, scale))


PAIR_LOSSES: dict[str, Callable[[Side, Side, Tensor, Tensor], Tensor]] = {
    "info_nce": _likelihood(info_nce),
    "mil_nce": _likelihood(mil_nce),
    "mil_nce_as_released": _likelihood(mil_nce_as_released),
    "sigmoid_loss": lambda rows, columns, scale, bias: sigmoid_loss(Pooled(), rows, columns, scale, bias),
}


def pair_loss(name: str, part: slice) -> tuple[Tensor, list[Tensor]]:
    """Of some of 8 clips with 3 captions each, some missing, some of one group; and its gradient.

    First that to rows and columns of this part, then that to scale and bias.
    """
    generator = torch.Generator().manual_seed(3)
    pooled, captions = torch.randn(8, 6, generator=generator), torch.randn(8, 3, 6, generator=generator)
    there, valid = torch.ones(8, dtype=torch.bool), torch.ones(8, 3, dtype=torch.bool)
    there[0], there[6], valid[1:3], valid[5, 1] = False, False, False, False
    keys = torch.tensor([10, 11, 12, 13, 14, 15, 16, 13]).unsqueeze(1)
    given = [tensor[part].clone().requires_grad_() for tensor in (pooled, captions)]
    given += [torch.tensor(1.5, requires_grad=True), torch.tensor(-2.0, requires_grad=True)]
    rows = Side((pooled[part, :0], given[0]), there[part], keys[part])
    columns = Side((given[1],), valid[part], keys[part].unsqueeze(1).expand(-1, 3, 1))
    loss = PAIR_LOSSES[name](rows, columns, given[2], given[3])
    torch.autograd.backward(loss)
    return loss.detach(), [torch.zeros_like(t) if t.grad is None else t.grad for t in given]


def locked_bits(part: slice) -> bool:
    """Whether a locked tower with batch normalization keeps every bit over three steps of some of 8 clips."""
    torch.manual_seed(0)
    objective = LiT(video=VideoSmall((8, 8, 8)), text=TinyText(), towers=towers("Lu"))
    share_statistics(objective, torch.device("cpu"))
    averaged, optimizer = DistributedDataParallel(objective.train()), torch.optim.AdamW(objective.parameters(), 0.1)
    before = {name: value.clone() for name, value in objective.encoders["video"].state_dict().items()}
    for step in range(3):
        loss, _ = averaged(sample(8, seed=step)[part])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    after = objective.encoders["video"].state_dict()
    return all(torch.equal(value, after[name]) for name, value in before.items())


@pytest.fixture(name="found", params=found(), ids=lambda cls: cls.__name__)
def found_fixture(request: pytest.FixtureRequest) -> type[Objective]:
    cls: type[Objective] = request.param
    return cls


@pytest.fixture(name="objectives")
def objectives_fixture() -> list[type[Objective]]:
    return found()


@pytest.fixture(name="build")
def build_fixture() -> Callable[..., Objective]:
    return build


@pytest.fixture(name="sample")
def sample_fixture() -> Callable[..., Batch]:
    return sample


@pytest.fixture(name="changed")
def changed_fixture() -> Callable[..., Batch]:
    return changed


@pytest.fixture(name="with_holes")
def with_holes_fixture() -> Callable[..., Batch]:
    return with_holes


@pytest.fixture(name="one_sided")
def one_sided_fixture() -> Callable[..., Batch]:
    return one_sided


@pytest.fixture(name="pair_loss", params=list(PAIR_LOSSES))
def pair_loss_fixture(request: pytest.FixtureRequest) -> tuple[str, Callable[..., tuple[Tensor, list[Tensor]]]]:
    return request.param, pair_loss


@pytest.fixture
def tiny() -> dict[str, type[Encoder]]:
    return TINY
