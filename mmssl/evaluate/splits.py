"""Which labelled recordings a probe learns from, which of those choose its setting, and which it is judged on."""

import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold

from mmssl.errors import EvaluationError
from mmssl.evaluate.frozen import Frozen

_PARTS = 5  # of the training recordings, one of which is for validation


@dataclass(frozen=True)
class Split:
    """Masks `[R]` of recordings; `validation` lies within `train`, `test` outside of it."""

    train: NDArray[np.bool_]
    validation: NDArray[np.bool_]
    test: NDArray[np.bool_]


def held_out_part(labels: Sequence[str], groups: Sequence[str], train: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """A fifth of the training recordings, about alike in classes, no group of which is also in the rest."""
    chosen = train.nonzero()[0]
    mask = np.zeros(len(train), dtype=bool)
    here = np.asarray(groups)[chosen]
    commonest = max(Counter(np.asarray(labels)[chosen].tolist()).values())
    parts = min(_PARTS, len(set(here)), commonest)
    if parts < 2:
        return mask
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a class with fewer recordings than parts
        folds = StratifiedGroupKFold(parts, shuffle=True, random_state=0)
        _, held = next(folds.split(chosen, np.asarray(labels)[chosen], here))
    mask[chosen[held]] = True
    return mask


def trained_and_tested(train: Frozen, test: Frozen) -> tuple[Frozen, list[Split]]:
    """Both sets as one, and the one split between them."""
    both = train.followed_by(test)
    first = np.arange(len(both)) < len(train)
    return both, [Split(first, held_out_part(both.labels, both.groups, first), ~first)]


def leave_one_fold_out(frozen: Frozen) -> list[Split]:
    """Each fold tested once, with the others to learn from; of those the next chooses the setting, as for ESC-50.

    Raises:
        EvaluationError: fewer than three folds, a recording without one, or a group in several.
    """
    folds = np.asarray(frozen.folds)
    names = sorted(set(frozen.folds))
    if "" in names:
        key = frozen.keys[frozen.folds.index("")]
        raise EvaluationError(f"{key}: has no fold; write the field for every recording")
    if len(names) < 3:
        raise EvaluationError(f"there are folds {', '.join(names)} alone; at least three are needed")
    home: dict[str, str] = {}
    for group, fold in zip(frozen.groups, frozen.folds, strict=True):
        if home.setdefault(group, fold) != fold:
            raise EvaluationError(f"group {group!r} is in folds {home[group]} and {fold}; keep its recordings in one")
    following = dict(zip(names, names[1:] + names[:1], strict=True))
    return [Split(folds != name, folds == following[name], folds == name) for name in names]
