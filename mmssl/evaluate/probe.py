"""Probes: how well labels can be told from features that no longer learn, beside chance and the commonest class.

Names of the numbers: `probe/MODALITY/LAYER/CLASSIFIER/accuracy`, such as `probe/audio/encoder/svm/accuracy`, over
recordings, with the bootstrap interval `/low`, `/high` and `/chance` of equal classes; beside it `per-class` (the mean
over classes), `top-5` where there are more than five classes, and with several folds `std`, the standard deviation of
their accuracies. `neighbors/R@k` needs no classifier (`class_retrieval`), `dim` counts the features, and
`probe/MODALITY/majority` is what the commonest class of the training data gets.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from mmssl.batch import Modality
from mmssl.data.clips import Clips
from mmssl.data.recordings import Recording
from mmssl.errors import EvaluationError, MediaError, UsageError
from mmssl.evaluate.class_retrieval import same_class
from mmssl.evaluate.classifiers import CLASSIFIERS, Classifier, Examples, per_recording
from mmssl.evaluate.frozen import Frozen, NothingSeenError, Told, alone, look_at_windows, with_labels
from mmssl.evaluate.held_out import Watch
from mmssl.evaluate.interval import described
from mmssl.evaluate.layers import LAYERS, Layer
from mmssl.evaluate.splits import Split, leave_one_fold_out, trained_and_tested
from mmssl.objective import Objective

_LOOKED_AT = 200  # recordings in which a field of folds is sought


def _part(watch: Watch | None, number: int, of: int) -> Watch | None:
    """For one of several parts that are as long as each other."""
    return None if watch is None else lambda share: watch((number + share) / of)


def labelled(recording: Recording) -> str:
    """Its `label`."""
    return recording.label


@dataclass(frozen=True, kw_only=True)
class Probes:
    """Classifiers on frozen features of each modality, judged on `clips`.

    They learn from `train`, or from the other folds of `clips` where `fold` names a field, as in the protocol of
    ESC-50 (Piczak 2015). Every window of a recording is an example; the scores of its windows are averaged.

    Attributes:
        clips: the data to be judged on; one of the next two says what to learn from.
        train: other recordings, as the source of `Clips`.
        fold: a field of the manifest or `.json`, also `group` or `label`.
        modalities: to probe; None takes video and audio, as far as the objective and the recordings have them.
        windows: of each recording, evenly spaced; text has one.
        classifiers: to fit.
        layers: to look at.
        label: of a recording, "" where it has none.
        limit: recordings at most, of each source; 0 takes all.
        workers: processes that decode.
    """

    clips: Clips
    train: str | Sequence[str] = ""
    fold: str = ""
    modalities: tuple[Modality, ...] | None = None
    windows: int = 10
    classifiers: tuple[Classifier, ...] = CLASSIFIERS
    layers: tuple[Layer, ...] = LAYERS
    label: Told = labelled
    limit: int = 0
    workers: int = 0

    def __call__(self, objective: Objective, watch: Watch | None = None) -> Mapping[str, float]:
        """The numbers of every modality, layer and classifier.

        Args:
            objective: in eval mode.
            watch: called with the share of the recordings that were looked at, 0 to 1; the fits come after.

        Raises:
            UsageError: not one of `train` and `fold` is given, or a modality or the field is not there.
            EvaluationError: there are too few labels, or folds share a group.
        """
        if (self.train == "") == (self.fold == ""):
            raise UsageError("a probe learns from other recordings or from folds; give one of `train` and `fold`")
        asked = self._asked(objective)
        if self.fold:
            self._require_fold()
        numbers: dict[str, float] = {}
        for place, modality in enumerate(asked):
            try:
                frozen, splits = self.frozen(objective, modality, _part(watch, place, len(asked)))
            except NothingSeenError:
                if self.modalities is not None or (modality == asked[-1] and not numbers):
                    raise
                continue  # sounds without pictures, say: nobody asked for these
            numbers |= judged(f"probe/{modality}", frozen, splits, self.classifiers)
        return numbers

    def frozen(
        self, objective: Objective, modality: Modality, watch: Watch | None = None
    ) -> tuple[Frozen, list[Split]]:
        """Features of all recordings, and who learns from whom."""
        if self.fold:
            tested = self._freeze(objective, self.clips, modality, watch)
            return tested, leave_one_fold_out(tested)
        tested = self._freeze(objective, self.clips, modality, _part(watch, 0, 2))
        train = self.clips.of(self.train)  # type: ignore[arg-type]
        return trained_and_tested(self._freeze(objective, train, modality, _part(watch, 1, 2)), tested)

    def _require_fold(self) -> None:
        """Refuse a field that no recording has before any of them is decoded."""
        recordings, there = self.clips.open().recordings, {"group", "label"}
        for number in range(min(len(recordings), _LOOKED_AT)):
            with suppress(MediaError):  # what cannot be read is counted later
                recording = recordings[number]
                if self._fold(recording):
                    return
                there |= set(recording.extra)
        raise UsageError(f"no recording has a field {self.fold!r} of folds; there are {', '.join(sorted(there))}")

    def _asked(self, objective: Objective) -> tuple[Modality, ...]:
        there = [m for m in self.clips.modalities if m in objective.encoders]
        if self.modalities is None:
            found = tuple(m for m in there if m != "text")
            if not found:
                raise UsageError(
                    f"{type(objective).__name__} has neither picture nor sound to probe; name `modalities`"
                )
            return found
        for modality in self.modalities:
            if modality not in there:
                raise UsageError(f"there is no {modality} to probe in the model and its clips, but {', '.join(there)}")
        return self.modalities

    def _freeze(self, objective: Objective, clips: Clips, modality: Modality, watch: Watch | None) -> Frozen:
        layers = [layer for layer in self.layers if modality in layer.modalities]
        cut = alone(clips, modality, self.windows)
        seen = look_at_windows(objective, cut, layers, modality, limit=self.limit, workers=self.workers, watch=watch)
        return with_labels(seen, self.label, self._fold)

    def _fold(self, recording: Recording) -> str:
        own = {"group": recording.group or recording.key, "label": recording.label}
        return str(own.get(self.fold, recording.extra.get(self.fold, "")))


def judged(name: str, frozen: Frozen, splits: Sequence[Split], classifiers: Sequence[Classifier]) -> dict[str, float]:
    """The numbers of features that are there already.

    Args:
        name: that the numbers' names begin with.
        frozen: R recordings as windows.
        splits: who learns from whom; no recording is tested twice.
        classifiers: to fit.

    Raises:
        EvaluationError: fewer than two classes.
    """
    names = sorted({label for split in splits for label in np.asarray(frozen.labels)[split.train].tolist()})
    if len(names) < 2:
        raise EvaluationError(f"{name}: all recordings to learn from are {names[0]!r}; a probe needs two classes")
    # A recording of a class that nothing was learnt of is never right.
    classes = np.array([names.index(label) if label in names else -1 for label in frozen.labels])
    tested = np.concatenate([split.test.nonzero()[0] for split in splits])
    numbers = {
        f"{name}/recordings": float(len(tested)),
        f"{name}/classes": float(len(names)),
        f"{name}/unlabeled": float(frozen.unlabeled),
        f"{name}/unreadable": float(frozen.unreadable),
        f"{name}/majority": float(np.concatenate([_commonest(classes, split) for split in splits]).mean()),
    }
    for layer, values in frozen.values.items():
        numbers[f"{name}/{layer}/dim"] = float(values.shape[1])
        numbers |= same_class(f"{name}/{layer}/neighbors", frozen, values, classes, splits)
        for classifier in classifiers:
            scores = [_scores(classifier, frozen, values, classes, split, len(names)) for split in splits]
            prefix = f"{name}/{layer}/{classifier.name}"
            numbers |= _numbers(prefix, scores, [classes[split.test] for split in splits])
    return numbers


def _commonest(classes: NDArray[np.int64], split: Split) -> NDArray[np.bool_]:
    """Whether the commonest class of the training part would be right, for each tested recording."""
    seen = classes[split.train]
    found: NDArray[np.bool_] = classes[split.test] == np.bincount(seen[seen >= 0]).argmax()
    return found


def _scores(
    classifier: Classifier,
    frozen: Frozen,
    values: NDArray[np.float32],
    classes: NDArray[np.int64],
    split: Split,
    count: int,
) -> NDArray[np.float64]:
    """`[tested recordings, C]`."""
    train, test = split.train[frozen.owner], split.test[frozen.owner]
    owner = frozen.owner[train]
    seen = Examples(values[train], classes[owner], owner, split.validation[owner], count)
    return per_recording(classifier(seen, values[test]), frozen.owner[test])[1]


def _numbers(
    prefix: str, scores: Sequence[NDArray[np.float64]], truth: Sequence[NDArray[np.int64]]
) -> Mapping[str, float]:
    count = scores[0].shape[1]
    right = [found.argmax(1) == told for found, told in zip(scores, truth, strict=True)]
    every, told = np.concatenate(right), np.concatenate(truth)
    numbers = dict(described(f"{prefix}/accuracy", torch.from_numpy(every).double(), chance=1 / count))
    per_class = [every[told == number].mean() for number in np.unique(told)]
    numbers[f"{prefix}/per-class"] = float(np.mean(per_class))
    if count > 5:
        best = np.argsort(-np.concatenate(scores), axis=1, kind="stable")[:, :5]
        numbers[f"{prefix}/top-5"] = float((best == told[:, None]).any(1).mean())
    if len(right) > 1:
        numbers[f"{prefix}/folds"] = float(len(right))
        numbers[f"{prefix}/fold-mean"] = float(np.mean([found.mean() for found in right]))
        numbers[f"{prefix}/std"] = float(np.std([found.mean() for found in right]))
    return numbers
