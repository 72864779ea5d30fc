"""Zero-shot classification: recordings told apart by words alone, where sight or sound and words share a space."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from mmssl.applications.model import Model
from mmssl.applications.prompts import TEMPLATES, PromptedClass, prototypes
from mmssl.batch import Modality
from mmssl.data.recordings import Recording
from mmssl.data.skipped import Skipped
from mmssl.errors import UsageError
from mmssl.evaluate.frozen import NothingSeenError, alone, look_at_windows
from mmssl.evaluate.held_out import Watch
from mmssl.evaluate.interval import described
from mmssl.evaluate.layers import Embedding


@dataclass(frozen=True)
class Classified:
    """Recordings by one modality.

    Attributes:
        modality: that was looked at.
        classes: labels of the C classes.
        recordings: `[R]` that could be read.
        scores: `[R, C]` cosines.
        skipped: recordings that could not be read, or lack the modality.
    """

    modality: Modality
    classes: tuple[str, ...]
    recordings: tuple[Recording, ...]
    scores: Tensor
    skipped: Skipped

    def best(self, count: int) -> list[list[tuple[str, float]]]:
        """For each recording the classes of the highest scores, best first."""
        scores, rows = self.scores.topk(min(count, len(self.classes)), dim=1)
        found = zip(rows.tolist(), scores.tolist(), strict=True)
        return [[(self.classes[c], score) for c, score in zip(*line, strict=True)] for line in found]

    def truth(self) -> NDArray[np.int64]:
        """`[R]` number of each recording's class, -1 where its label is none of them; letters' case does not count."""
        number = {label.casefold(): place for place, label in enumerate(self.classes)}
        return np.array([number.get(recording.label.strip().casefold(), -1) for recording in self.recordings])

    def confusion(self) -> NDArray[np.int64]:
        """`[C, C]` recordings by class (rows) and answer (columns); those of no class are left out."""
        truth, count = self.truth(), len(self.classes)
        table = np.zeros((count, count), dtype=np.int64)
        known = truth >= 0
        np.add.at(table, (truth[known], self.scores.argmax(1).numpy()[known]), 1)
        return table

    def numbers(self) -> Mapping[str, float]:
        """`classify/MODALITY/...`: accuracy with interval and chance, its mean over classes, and top-5; {} unlabelled.

        `unlisted` recordings have a label that is none of the classes, or no label, and are on neither side; `majority`
        is the accuracy of always giving the commonest class.
        """
        truth, table, name = self.truth(), self.confusion(), f"classify/{self.modality}"
        known = truth >= 0
        if not known.any():
            return {}
        right = torch.from_numpy((self.scores.argmax(1).numpy() == truth)[known])
        each = table.sum(1)
        numbers = dict(described(f"{name}/accuracy", right.double(), chance=1 / len(self.classes)))
        numbers[f"{name}/per-class"] = float((table.diagonal()[each > 0] / each[each > 0]).mean())
        if len(self.classes) > 5:
            five = self.scores.topk(5, dim=1).indices.numpy()[known]
            numbers[f"{name}/top-5"] = float((five == truth[known][:, None]).any(1).mean())
        numbers[f"{name}/majority"] = float(each.max() / each.sum())
        numbers |= {f"{name}/recordings": float(known.sum()), f"{name}/unlisted": float((~known).sum())}
        return numbers


def classify(
    model: Model,
    source: str,
    classes: Sequence[PromptedClass],
    templates: Sequence[str] = TEMPLATES,
    *,
    modalities: Sequence[Modality] | None = None,
    windows: int = 4,
    limit: int = 0,
    workers: int = 0,
    watch: Watch | None = None,
) -> list[Classified]:
    """Each recording by its pictures and by its sound, as far as the model has them and the recording too.

    A recording's vector is the mean over evenly spaced windows, made of length 1.

    Args:
        model: with a text encoder.
        source: recordings.
        classes: from `read_classes`.
        templates: with `{}` where the class stands; their vectors are averaged.
        modalities: video, audio or both; None takes those of the model.
        windows: of each recording.
        limit: recordings at most, in their order; 0 takes all.
        workers: processes that decode.
        watch: called with the share of the recordings that one modality has looked at, 0 to 1, for each anew.

    Raises:
        UsageError: the model has no text, or not the modality.
        NothingSeenError: no recording has the modality.
    """
    if not model.objective.comparable:
        raise UsageError(f"{type(model.objective).__name__} does not put words and recordings into one space")
    seen = [m for m in model.modalities if m != "text"]
    for modality in modalities or ():
        if modality not in seen:
            raise UsageError(f"this model has no encoder of {modality} to classify by; it has {', '.join(seen)}")
    targets = prototypes(model, classes, templates)
    found: list[Classified] = []
    for modality in modalities or seen:
        clips = alone(model.run.data.of(source), modality, windows)
        try:
            looked = look_at_windows(
                model.objective, clips, [Embedding()], modality, limit=limit, workers=workers, watch=watch
            )
        except NothingSeenError:
            if modalities or (modality == seen[-1] and not found):
                raise
            continue  # sounds without pictures, say: nobody asked for these
        vectors = torch.from_numpy(looked.values["embedding"])
        sums = torch.zeros(len(looked.recordings), vectors.shape[1]).index_add_(
            0, torch.from_numpy(looked.owner), vectors
        )
        scores = functional.normalize(sums, dim=1) @ targets.T
        labels = tuple(one.label for one in classes)
        found.append(Classified(modality, labels, looked.recordings, scores, looked.skipped))
    return found
