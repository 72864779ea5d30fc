"""Many inputs of several recordings through a model in batches of one size."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from mmssl.applications.moments import IndexedRecording, Moments
from mmssl.batch import Batch, Modality
from mmssl.errors import EvaluationError
from mmssl.objective import Objective


@dataclass
class Collected:
    """What is known so far of one recording.

    Attributes:
        recording: whose.
        spans: start and end of each window, seconds.
        captions: to show, one a window.
        about: `[windows, captions]`, 1 where a caption is about a window; None without text.
        rows: vectors of each modality that have come.
    """

    recording: IndexedRecording
    spans: Sequence[tuple[float, float]]
    captions: Sequence[str]
    about: Tensor | None = None
    rows: dict[Modality, list[Tensor]] = field(default_factory=dict)

    def moments(self) -> Moments:
        """All of it; the text of a window is the mean of its captions."""
        vectors = {modality: torch.cat(rows) for modality, rows in self.rows.items()}
        if "text" in vectors:
            assert self.about is not None
            means = torch.nn.functional.normalize(self.about @ vectors["text"], dim=1)
            vectors["text"] = torch.where(self.about.any(1, keepdim=True), means, torch.nan)
        starts, ends = [span[0] for span in self.spans], [span[1] for span in self.spans]
        return Moments(starts, ends, vectors, self.captions)


class Bulk:
    """Inputs wait until there are enough of a kind for a batch.

    Args:
        objective: in eval mode.
        device: where it is.
        size: rows of a batch.
    """

    def __init__(self, objective: Objective, device: torch.device, size: int) -> None:
        self._objective, self._device, self._size = objective, device, size
        self._waiting: dict[Modality, list[tuple[Collected, Tensor]]] = {}

    def put(self, owner: Collected, modality: Modality, inputs: Tensor) -> None:
        """Inputs `[n, ...]` whose vectors go to the owner, in order."""
        waiting = self._waiting.setdefault(modality, [])
        waiting.append((owner, inputs))
        if sum(len(rows) for _, rows in waiting) >= self._size:
            self._embed(modality)

    def flush(self) -> None:
        """Give the owners all that is theirs.

        Raises:
            EvaluationError: a vector is not finite.
        """
        for modality in list(self._waiting):
            self._embed(modality)

    @torch.inference_mode()
    def _embed(self, modality: Modality) -> None:
        waiting = self._waiting.pop(modality)
        inputs = torch.cat([rows for _, rows in waiting])
        parts = [
            self._objective.embed(Batch(keys=None, **{modality: rows}).to(self._device))[modality].float().cpu()
            for rows in torch.split(inputs, self._size)
        ]
        vectors = torch.split(torch.cat(parts), [len(rows) for _, rows in waiting])
        for (owner, _), rows in zip(waiting, vectors, strict=True):
            # In an index NaN says that a moment lacks the modality, which would not be true.
            if not rows.isfinite().all():
                raise EvaluationError(
                    f"{owner.recording.name}: the model's vector of its {modality} is not finite; look at the run, or "
                    "leave this recording out"
                )
            owner.rows.setdefault(modality, []).append(rows)
