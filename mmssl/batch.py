"""`Batch`, what flows from the loader into an objective.

Letters used in every file of the project: B clips, T frames, H x W pixels, S samples of sound, C candidate captions,
L tokens of text, N places or tokens, D features, K clusters, W processes.
"""

from collections.abc import Iterator
from typing import Literal, Self

import torch
from torch import Tensor

Modality = Literal["video", "audio", "text"]
MODALITIES: tuple[Modality, ...] = ("video", "audio", "text")


class Batch:
    """B clips; video, audio and text of one clip come from the same seconds of one recording.

    An attribute exists only when it was given, so a missing one is an `AttributeError` that says its own name.
    """

    video: Tensor  # [B, T, 3, H, W] uint8, RGB
    audio: Tensor  # [B, S] float32, mono, in [-1, 1]; the first sample is at `start`
    text: Tensor  # [B, C, L] int64 token ids of C candidate captions; -1 is padding, as vocabularies disagree on theirs
    index: Tensor  # [B] int64, number of the recording in its data set
    group: Tensor  # [B] int64, recordings of one origin share it: never each other's negatives
    label: Tensor  # [B] int64, recordings of one label share it, also those that have none
    seed: Tensor  # [B] int64, from (seed, step, position); all randomness of a sample is drawn from it (modules/draws)
    start: Tensor  # [B] float64, seconds into the recording
    video_times: Tensor  # [B, T] float64, true presentation time of each frame, seconds into the recording
    video_valid: Tensor  # [B] bool; absent means that all are
    audio_valid: Tensor  # [B] bool
    text_valid: Tensor  # [B, C] bool
    keys: tuple[str, ...]  # [B] names of the recordings, for messages

    def __init__(self, *, keys: tuple[str, ...] | None = None, **tensors: Tensor) -> None:
        unknown = set(tensors) - (set(Batch.__annotations__) - {"keys"})
        if unknown:
            raise TypeError(f"a Batch has no {', '.join(sorted(unknown))}; it has {', '.join(Batch.__annotations__)}")
        if len({len(tensor) for tensor in tensors.values()} | ({len(keys)} if keys is not None else set())) != 1:
            sizes = {name: len(tensor) for name, tensor in tensors.items()}
            raise ValueError(f"a Batch needs tensors of one length, not {sizes}")
        self.__dict__.update(tensors)
        if keys is not None:
            self.keys = keys

    def __contains__(self, name: str) -> bool:
        return name in self.__dict__

    def __len__(self) -> int:
        return len(next(iter(self.__dict__.values())))

    def __repr__(self) -> str:
        return f"Batch({', '.join(f'{name} {tuple(t.shape)} {t.dtype}' for name, t in self.tensors())})"

    def tensors(self) -> Iterator[tuple[str, Tensor]]:
        """Every tensor with its name."""
        return ((name, value) for name, value in self.__dict__.items() if name != "keys")

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """Those that are here."""
        return tuple(modality for modality in MODALITIES if modality in self)

    def valid(self, modality: Modality) -> Tensor:
        """[B] bool, which clips have it; for text, at least one caption."""
        if f"{modality}_valid" not in self:
            return torch.ones(len(self), dtype=torch.bool, device=getattr(self, modality).device)
        mask: Tensor = getattr(self, f"{modality}_valid")
        return mask.flatten(1).any(1) if mask.ndim > 1 else mask

    def _map(self, **changed: Tensor) -> Self:
        return type(self)(keys=self.__dict__.get("keys"), **changed)

    def to(self, device: torch.device | str, *, non_blocking: bool = False) -> Self:
        """All tensors moved as one thing."""
        return self._map(**{name: t.to(device, non_blocking=non_blocking) for name, t in self.tensors()})

    def pin_memory(self) -> Self:
        """All tensors in page-locked memory; the name is what `DataLoader(pin_memory=True)` calls."""
        return self._map(**{name: t.pin_memory() for name, t in self.tensors()})

    def __getitem__(self, rows: slice) -> Self:
        """A part of the clips."""
        keys = self.__dict__.get("keys")
        part = {name: t[rows] for name, t in self.tensors()}
        return type(self)(keys=None if keys is None else keys[rows], **part)
