"""What is fitted on frozen features: linear maps whose one setting is chosen within the training data, and k-NN."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from mmssl.errors import EvaluationError

Rows = NDArray[np.float32]  # [N, D]
Scores = NDArray[np.float64]  # [N, C]


@dataclass(frozen=True)
class Examples:
    """N windows to learn from.

    Attributes:
        values: `[N, D]`.
        classes: `[N]` int64 in [0, count).
        owner: `[N]` int64, which recording a window is of.
        validation: `[N]` bool, the part on which a setting is chosen; the final fit takes all.
        count: C.
    """

    values: Rows
    classes: NDArray[np.int64]
    owner: NDArray[np.int64]
    validation: NDArray[np.bool_]
    count: int


class Classifier(Protocol):
    """Learns from windows and scores others."""

    @property
    def name(self) -> str:
        """As in the names of numbers."""
        ...

    def __call__(self, seen: Examples, asked: Rows) -> Scores:
        """`[M, C]` of `[M, D]`, higher for a likelier class; the mean over a recording's windows is the recording's.

        Raises:
            EvaluationError: there is too little to learn from.
        """
        ...


def per_recording(scores: Scores, owner: NDArray[np.int64]) -> tuple[NDArray[np.int64], Scores]:
    """Of each recording, in ascending order, the row of its first window and its windows' mean scores `[R, C]`."""
    _, first, place = np.unique(owner, return_index=True, return_inverse=True)
    total = np.zeros((len(first), scores.shape[1]))
    np.add.at(total, place, scores)
    return first, total / np.bincount(place)[:, None]


@dataclass(frozen=True)
class Swept:
    """Features standardized on what is learnt from, then a linear model whose C is chosen on the validation part.

    The C of the best accuracy per recording is taken, the smallest of equal ones; then all of the training data are
    fitted with it. A grid of one C needs no validation.

    Attributes:
        name: of the classifier.
        grid: values of C, ascending.
        make: a scikit-learn classifier with this C.
        score: of the fitted model for `[M, D]`: `[M, classes that it has seen]`.
    """

    name: str
    grid: tuple[float, ...]
    make: Callable[[float], Any]
    score: Callable[[Any, Rows], Scores]

    def __call__(self, seen: Examples, asked: Rows) -> Scores:
        """See `Classifier`."""
        return self._fitted(seen, np.ones(len(seen.values), dtype=bool), self.chosen(seen), asked)

    def chosen(self, seen: Examples) -> float:
        """C, from fits without the validation part.

        Raises:
            EvaluationError: there is no validation part, or fewer than two classes beside it.
        """
        if len(self.grid) == 1:
            return self.grid[0]
        held = seen.validation
        if not held.any():
            raise EvaluationError(f"{self.name}: no part of the training data is left to choose C; give more of them")
        right = []
        for value in self.grid:
            first, scores = per_recording(self._fitted(seen, ~held, value, seen.values[held]), seen.owner[held])
            right.append((scores.argmax(1) == seen.classes[held][first]).mean())
        return self.grid[int(np.argmax(right))]

    def _fitted(self, seen: Examples, part: NDArray[np.bool_], value: float, asked: Rows) -> Scores:
        if len(np.unique(seen.classes[part])) < 2:
            raise EvaluationError(f"{self.name}: fewer than two classes to learn from; give more labelled recordings")
        model = make_pipeline(StandardScaler(), self.make(value))
        with warnings.catch_warnings():
            # A fit that stops early is judged on the validation part like any other.
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(seen.values[part], seen.classes[part])
        scores = np.full((len(asked), seen.count), -np.inf)  # of classes that were not there to learn from
        scores[:, model.classes_] = self.score(model, asked)
        return scores


def _margins(model: Any, asked: Rows) -> Scores:
    """Of each class against the rest; scikit-learn gives one column where there are two classes."""
    margins: Scores = model.decision_function(asked)
    return np.stack([-margins, margins], axis=1) if margins.ndim == 1 else margins


def _probabilities(model: Any, asked: Rows) -> Scores:
    found: Scores = model.predict_proba(asked)
    return found


def linear_svm(*grid: float) -> Swept:
    """One linear SVM a class against the rest, squared hinge; `linear_svm(100.0)` is MIL-NCE's (Miech et al. 2020).

    Args:
        grid: values of C, ascending; 1e-5 to 1e1 if none is given.
    """
    values = grid or tuple(10.0**power for power in range(-5, 2))
    return Swept("svm", values, lambda value: LinearSVC(C=value, max_iter=2000, random_state=0), _margins)


def linear_probe(*grid: float) -> Swept:
    """Softmax regression with an L2 penalty by L-BFGS, as in transfer of Kornblith et al. (2019).

    Args:
        grid: values of C, ascending; 1e-5 to 1e2 if none is given.
    """
    values = grid or tuple(10.0**power for power in range(-5, 3))
    return Swept("linear", values, lambda value: LogisticRegression(C=value, max_iter=500), _probabilities)


@dataclass(frozen=True)
class NearestNeighbors:
    """The k most similar windows by cosine vote with exp(cosine / temperature) (Wu et al. 2018, NPID).

    Fewer examples than k vote all. Of equal votes the first class wins.

    Attributes:
        k: neighbors.
        temperature: 0.07 is NPID's, 0.1 that of VISSL.
    """

    k: int = 200
    temperature: float = 0.07

    @property
    def name(self) -> str:
        """Such as knn-200."""
        return f"knn-{self.k}"

    def __call__(self, seen: Examples, asked: Rows) -> Scores:
        """See `Classifier`; shares of the vote, `[M, C]`."""
        examples, questions = _unit(seen.values), _unit(asked)
        k = min(self.k, len(examples))
        votes = np.zeros((len(questions), seen.count))
        for start in range(0, len(questions), 1024):  # never all pairs at once
            cosines = questions[start : start + 1024] @ examples.T
            nearest = np.argpartition(-cosines, k - 1, axis=1)[:, :k]
            weight = np.exp((np.take_along_axis(cosines, nearest, 1) - 1) / self.temperature)
            lines = np.arange(start, start + len(cosines))[:, None]
            np.add.at(votes, (np.broadcast_to(lines, nearest.shape), seen.classes[nearest]), weight)
        shares: Scores = votes / np.maximum(votes.sum(1, keepdims=True), np.finfo(np.float64).tiny)
        return shares


def _unit(rows: Rows) -> Scores:
    wide: Scores = rows.astype(np.float64)
    wide /= np.maximum(np.linalg.norm(wide, axis=1, keepdims=True), 1e-12)
    return wide


CLASSIFIERS: tuple[Classifier, ...] = (linear_svm(), linear_probe(), NearestNeighbors(200), NearestNeighbors(1))
