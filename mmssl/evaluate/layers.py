"""Which features of a clip a probe looks at: before a model's head, behind it, or none of a model's."""

from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor

from mmssl.batch import MODALITIES, Batch, Modality
from mmssl.modules.front_ends import log_mel
from mmssl.objective import Objective


class Layer(Protocol):
    """Features of clips. The objective is in eval mode and without gradient: batch norm uses its running statistics."""

    @property
    def name(self) -> str:
        """As in the names of numbers."""
        ...

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """Of which it has features."""
        ...

    def __call__(self, objective: Objective, batch: Batch, modality: Modality) -> Tensor:
        """`[B, D]` float32, of one modality that the batch and the objective have."""
        ...


@dataclass(frozen=True)
class EncoderLayer:
    """The encoder's map, pooled as the encoder pools it, before the head."""

    name: str = "encoder"
    modalities: tuple[Modality, ...] = MODALITIES

    def __call__(self, objective: Objective, batch: Batch, modality: Modality) -> Tensor:
        """`[B, D]` of the encoder."""
        pooled: Tensor = objective.encoders[modality].pool(*objective.encoded(batch, modality))  # type: ignore[operator]
        return pooled.float()


@dataclass(frozen=True)
class Embedding:
    """The unit vector that the objective compares, behind the head."""

    name: str = "embedding"
    modalities: tuple[Modality, ...] = MODALITIES

    def __call__(self, objective: Objective, batch: Batch, modality: Modality) -> Tensor:
        """`[B, E]`."""
        others = {other for other in MODALITIES if other != modality}
        kept = {name: tensor for name, tensor in batch.tensors() if name.partition("_")[0] not in others}
        return objective.embed(Batch(keys=None, **kept))[modality].float()


@dataclass(frozen=True)
class LogMelStatistics:
    """Mean and standard deviation over time of each of 64 log-mel bins: what sound tells without any learning."""

    name: str = "log-mel"
    modalities: tuple[Modality, ...] = field(default=("audio",))

    def __call__(self, objective: Objective, batch: Batch, modality: Modality) -> Tensor:
        """`[B, 128]`."""
        rate: int = objective.encoders["audio"].sample_rate  # type: ignore[assignment]
        front_end = log_mel(rate, bins=64, win=rate // 40, hop=rate // 100).to(batch.audio.device)
        frames = front_end(batch.audio)
        return torch.cat([frames.mean(1), frames.std(1)], dim=-1).float()


LAYERS: tuple[Layer, ...] = (EncoderLayer(), Embedding(), LogMelStatistics())
