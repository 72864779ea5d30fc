"""Features of labelled recordings, in several windows each, as a model that no longer learns has them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from mmssl.batch import Modality
from mmssl.data.clips import Clips
from mmssl.data.loader import evaluation_batches
from mmssl.data.recordings import Recording
from mmssl.data.skipped import Skipped
from mmssl.data.window import EvenWindows
from mmssl.errors import EvaluationError, UsageError
from mmssl.evaluate.held_out import Watch
from mmssl.evaluate.layers import Layer
from mmssl.objective import Objective

Told = Callable[[Recording], str]  # a word about a recording, "" when nothing is known


class NothingSeenError(EvaluationError):
    """No recording has a modality that can be read."""


@dataclass(frozen=True)
class Seen:
    """R recordings that could be read, as N windows.

    Attributes:
        values: `[N, D]` float32 of each layer, by its name.
        owner: `[N]` int64, which of the recordings a window is of.
        recordings: `[R]`, in their order.
        skipped: those that could not be read.
    """

    values: dict[str, NDArray[np.float32]]
    owner: NDArray[np.int64]
    recordings: tuple[Recording, ...]
    skipped: Skipped


@dataclass(frozen=True)
class Frozen:
    """R labelled recordings as N windows.

    Attributes:
        values: `[N, D]` float32 of each layer, by its name.
        owner: `[N]` int64, which of the recordings a window is of.
        keys: `[R]` of the recordings.
        labels: `[R]`, none of them empty.
        groups: `[R]`; recordings of one origin share it.
        folds: `[R]`.
        unlabeled: recordings that were read and have no label; they are not among the R.
        unreadable: recordings that could not be read.
    """

    values: dict[str, NDArray[np.float32]]
    owner: NDArray[np.int64]
    keys: tuple[str, ...]
    labels: tuple[str, ...]
    groups: tuple[str, ...]
    folds: tuple[str, ...]
    unlabeled: int
    unreadable: int

    def __len__(self) -> int:
        return len(self.keys)

    def followed_by(self, other: "Frozen") -> "Frozen":
        """Both sets of recordings, this one first."""
        return Frozen(
            {name: np.concatenate([rows, other.values[name]]) for name, rows in self.values.items()},
            np.concatenate([self.owner, other.owner + len(self)]),
            self.keys + other.keys,
            self.labels + other.labels,
            self.groups + other.groups,
            self.folds + other.folds,
            self.unlabeled + other.unlabeled,
            self.unreadable + other.unreadable,
        )


def alone(clips: Clips, modality: Modality, windows: int) -> Clips:
    """The clips with nothing but one modality, in evenly spaced windows, so that recordings may lack the others.

    Raises:
        UsageError: the clips do not ask for the modality.
    """
    if modality not in clips.modalities:
        raise UsageError(f"the clips to evaluate ask for no {modality}; set it in their Clips")
    window = EvenWindows(1 if modality == "text" else windows)
    return replace(clips.only(modality), window=window, require=(modality,), synchronous=False)


@torch.no_grad()
def look_at_windows(
    objective: Objective,
    clips: Clips,
    layers: Sequence[Layer],
    modality: Modality,
    *,
    limit: int = 0,
    batch_size: int = 32,
    workers: int = 0,
    watch: Watch | None = None,
) -> Seen:
    """Look once at every window of every recording.

    Args:
        objective: in eval mode.
        clips: from `alone`.
        layers: whose features are kept.
        modality: to look at.
        limit: recordings at most, in their order; 0 takes all.
        batch_size: windows at once.
        workers: processes that decode.
        watch: called with the share of the recordings that were looked at, 0 to 1.

    Raises:
        NothingSeenError: no recording could be read.
        EvaluationError: features are not finite.
    """
    device = next((p.device for p in objective.parameters()), torch.device("cpu"))
    opened, skipped = clips.open(), Skipped(limit=1.0)
    numbers: list[NDArray[np.int64]] = []
    rows: dict[str, list[NDArray[np.float32]]] = {layer.name: [] for layer in layers}
    asked = min(limit, len(opened.recordings)) if limit else len(opened.recordings)
    for batch in evaluation_batches(opened, batch_size, limit=limit, workers=workers, skipped=skipped):
        here = batch.to(device)
        numbers.append(batch.index.numpy())
        for layer in layers:
            rows[layer.name].append(layer(objective, here, modality).cpu().numpy())
        if watch is not None:
            watch((int(batch.index[-1]) + 1) / asked)
    if not numbers:
        raise NothingSeenError(f"{clips.source}: no recording with {modality} can be read; look at `mmssl probe`")
    found, owner = np.unique(np.concatenate(numbers), return_inverse=True)
    values = {name: np.concatenate(parts) for name, parts in rows.items()}
    for name, features in values.items():
        if not np.isfinite(features).all():
            raise EvaluationError(f"{modality} {name}: features hold NaN or Inf; look at the training")
    return Seen(values, owner, tuple(opened.recordings[number] for number in found.tolist()), skipped)


def with_labels(seen: Seen, label: Told, fold: Told) -> Frozen:
    """Those that have a label.

    Args:
        seen: recordings.
        label: of a recording.
        fold: of a recording.

    Raises:
        EvaluationError: none has.
    """
    labelled = np.array([label(recording) != "" for recording in seen.recordings])
    if not labelled.any():
        key = seen.recordings[0].key
        raise EvaluationError(f"{key} and all others have no label; write `label` in a .json beside it or the manifest")
    kept = [recording for recording, here in zip(seen.recordings, labelled, strict=True) if here]
    return Frozen(
        {name: rows[labelled[seen.owner]] for name, rows in seen.values.items()},
        (np.cumsum(labelled) - 1)[seen.owner][labelled[seen.owner]],
        tuple(recording.key for recording in kept),
        tuple(label(recording) for recording in kept),
        tuple(recording.group or recording.key for recording in kept),
        tuple(fold(recording) for recording in kept),
        int((~labelled).sum()),
        len(seen.skipped.reasons),
    )
