"""Probes against scikit-learn and slow loops, and that nothing of the test part is looked at."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from mmssl.data.clips import Clips
from mmssl.data.recordings import Recording
from mmssl.errors import EvaluationError, UsageError
from mmssl.evaluate.classifiers import Examples, NearestNeighbors, linear_probe, linear_svm, per_recording
from mmssl.evaluate.frozen import Frozen, Told, alone, look_at_windows, with_labels
from mmssl.evaluate.layers import Embedding
from mmssl.evaluate.probe import Probes, judged, labelled
from mmssl.evaluate.splits import Split, held_out_part, leave_one_fold_out, trained_and_tested


def examples(seed: int = 0, count: int = 3, recordings: int = 30, windows: int = 2) -> Examples:
    """Two windows a recording, the classes in clouds that overlap."""
    random = np.random.default_rng(seed)
    classes = np.arange(recordings) % count
    centers = 1.5 * random.normal(size=(count, 5))
    owner = np.arange(recordings).repeat(windows)
    values = (centers[classes][owner] + random.normal(size=(len(owner), 5))).astype(np.float32)
    return Examples(values, classes[owner], owner, owner >= recordings - 9, count)


def frozen(seed: int = 0, recordings: int = 30, folds: int = 3) -> Frozen:
    made = examples(seed, recordings=recordings)
    names = tuple(f"r{number:02d}" for number in range(recordings))
    labels = tuple("abc"[number % 3] for number in range(recordings))
    places = tuple(str(number * folds // recordings) for number in range(recordings))
    return Frozen({"x": made.values}, made.owner, names, labels, names, places, 0, 0)


def test_svm_and_softmax_are_those_of_scikit_learn() -> None:
    seen, asked = examples(), examples(1).values
    scaler = StandardScaler().fit(seen.values)
    svm = LinearSVC(C=0.1, max_iter=2000, random_state=0).fit(scaler.transform(seen.values), seen.classes)
    np.testing.assert_allclose(linear_svm(0.1)(seen, asked), svm.decision_function(scaler.transform(asked)), rtol=1e-6)
    softmax = LogisticRegression(C=0.1, max_iter=500).fit(scaler.transform(seen.values), seen.classes)
    np.testing.assert_allclose(
        linear_probe(0.1)(seen, asked), softmax.predict_proba(scaler.transform(asked)), rtol=1e-6
    )


def test_c_is_chosen_by_recordings_of_the_validation_part() -> None:
    seen, grid = examples(), (1e-4, 1e-2, 1.0)
    rest, held = ~seen.validation, seen.validation
    right = []
    for value in grid:
        scaler = StandardScaler().fit(seen.values[rest])
        model = LinearSVC(C=value, max_iter=2000, random_state=0)
        model.fit(scaler.transform(seen.values[rest]), seen.classes[rest])
        margins = model.decision_function(scaler.transform(seen.values[held]))
        means = [margins[seen.owner[held] == recording].mean(0) for recording in np.unique(seen.owner[held])]
        right.append(np.mean(np.argmax(means, 1) == np.unique(seen.owner[held]) % 3))
    assert linear_svm(*grid).chosen(seen) == grid[int(np.argmax(right))]
    with pytest.raises(EvaluationError, match="choose C"):
        linear_svm(*grid).chosen(replace(seen, validation=np.zeros(len(seen.owner), dtype=bool)))


def test_two_classes_and_one_that_was_not_seen() -> None:
    seen = examples(count=2)
    scores = linear_svm(1.0)(replace(seen, count=3), seen.values)
    assert scores.shape == (60, 3)
    assert (scores[:, 2] == -np.inf).all()
    assert (scores[:, :2].argmax(1) == seen.classes).mean() > 0.8
    with pytest.raises(EvaluationError, match="two classes"):
        linear_svm(1.0)(replace(seen, classes=0 * seen.classes), seen.values)


@pytest.mark.parametrize("k", [1, 7, 200])
def test_neighbors_are_those_of_a_slow_loop(k: int) -> None:
    seen, asked = examples(), examples(1).values
    for question, shares in zip(asked, NearestNeighbors(k)(seen, asked), strict=True):
        cosines = [
            (float(question @ row / np.linalg.norm(question) / np.linalg.norm(row)), int(kind))
            for row, kind in zip(seen.values, seen.classes, strict=True)
        ]
        votes = [0.0] * 3
        for cosine, kind in sorted(cosines, reverse=True)[:k]:
            votes[kind] += math.exp(cosine / 0.07)
        np.testing.assert_allclose(shares, np.array(votes) / sum(votes), atol=1e-5)


def test_scores_of_windows_are_averaged() -> None:
    scores = np.array([[1.0, 0], [0, 1], [0, 3], [5, 0]])
    first, means = per_recording(scores, np.array([4, 4, 4, 2]))
    assert first.tolist() == [3, 0]
    assert means.tolist() == [[5, 0], [1 / 3, 4 / 3]]


def test_folds() -> None:
    splits = leave_one_fold_out(frozen())
    assert len(splits) == 3
    for number, split in enumerate(splits):
        assert split.test.nonzero()[0].tolist() == list(range(10 * number, 10 * number + 10))
        assert (split.train == ~split.test).all()
        after = (number + 1) % 3
        assert split.validation.nonzero()[0].tolist() == list(range(10 * after, 10 * after + 10))
    with pytest.raises(EvaluationError, match="group 'same'"):
        leave_one_fold_out(replace(frozen(), groups=("same",) * 30))
    with pytest.raises(EvaluationError, match="three"):
        leave_one_fold_out(replace(frozen(), folds=("1", "2") * 15))
    with pytest.raises(EvaluationError, match="r00: has no fold"):
        leave_one_fold_out(replace(frozen(), folds=("", "1", "2") * 10))


def test_validation_is_a_part_of_training_and_parts_no_group() -> None:
    labels, groups = ["ab"[n % 2] for n in range(40)], [str(n // 2) for n in range(40)]
    train = np.arange(40) < 30
    held = held_out_part(labels, groups, train)
    assert 4 <= held.sum() <= 8
    assert not (held & ~train).any()
    assert not {groups[n] for n in held.nonzero()[0]} & {groups[n] for n in (train & ~held).nonzero()[0]}
    assert not held_out_part(["a", "b"], ["x", "x"], np.ones(2, dtype=bool)).any()
    assert not held_out_part(["a", "b"], ["x", "y"], np.ones(2, dtype=bool)).any()


def test_numbers_are_counted_by_hand() -> None:
    train, test = frozen(0), replace(frozen(0, recordings=12), labels=("a", "b", "c", "d") * 3)
    both, splits = trained_and_tested(train, test)
    numbers = judged("probe/audio", both, splits, [NearestNeighbors(1)])
    seen = examples(0)
    answers = []
    for recording in range(12):
        votes = np.zeros(3)
        for row in test.values["x"][test.owner == recording]:
            cosine = seen.values @ row / np.linalg.norm(seen.values, axis=1)
            votes[seen.classes[cosine.argmax()]] += 1
        answers.append("abc"[int(votes.argmax())])
    right = [answer == label for answer, label in zip(answers, test.labels, strict=True)]
    assert numbers["probe/audio/x/knn-1/accuracy"] == pytest.approx(np.mean(right))
    assert numbers["probe/audio/x/knn-1/accuracy/chance"] == pytest.approx(1 / 3)
    per_class = [np.mean([r for r, label in zip(right, test.labels, strict=True) if label == c]) for c in "abc"]
    assert numbers["probe/audio/x/knn-1/per-class"] == pytest.approx(np.mean([*per_class, 0]))  # d was never learnt
    assert numbers["probe/audio/majority"] == pytest.approx(3 / 12)
    assert numbers["probe/audio/x/dim"] == 5
    assert numbers["probe/audio/recordings"] == 12


def test_several_folds_have_a_spread() -> None:
    made = frozen()
    numbers = judged("p", made, leave_one_fold_out(made), [NearestNeighbors(5)])
    each = []
    for split in leave_one_fold_out(made):
        alone_numbers = judged("p", made, [split], [NearestNeighbors(5)])
        each.append(alone_numbers["p/x/knn-5/accuracy"])
    assert numbers["p/x/knn-5/accuracy"] == pytest.approx(np.mean(each))
    assert numbers["p/x/knn-5/std"] == pytest.approx(np.std(each))


def test_labels_of_the_test_part_change_no_answer() -> None:
    both, splits = trained_and_tested(frozen(0), frozen(1))

    def answers(labels: tuple[str, ...]) -> NDArray[np.float64]:
        from mmssl.evaluate.probe import _scores

        classes = np.array(["abc".index(label) for label in labels])
        return _scores(linear_svm(), replace(both, labels=labels), both.values["x"], classes, splits[0], 3)

    shuffled = both.labels[:30] + both.labels[:29:-1]
    np.testing.assert_array_equal(answers(both.labels), answers(shuffled))


def test_noise_stays_at_chance() -> None:
    random = np.random.default_rng(0)
    train, test = (
        replace(frozen(recordings=150), values={"x": random.normal(size=(300, 5)).astype(np.float32)}) for _ in range(2)
    )
    both, splits = trained_and_tested(train, test)
    numbers = judged("p", both, splits, [linear_svm(), NearestNeighbors(20)])
    for name in ("svm", "knn-20"):
        assert 0.2 < numbers[f"p/x/{name}/accuracy"] < 0.47


def test_retrieval_of_the_same_class_is_that_of_a_slow_loop() -> None:
    made = frozen()
    splits = leave_one_fold_out(made)
    numbers = judged("p", made, splits, [])
    means = np.stack([made.values["x"][made.owner == n].mean(0) for n in range(30)])
    hits: dict[int, list[bool]] = {1: [], 5: []}
    for split in splits:
        for asked in split.test.nonzero()[0]:
            cosine = [
                (-means[asked] @ means[item] / np.linalg.norm(means[asked]) / np.linalg.norm(means[item]), item)
                for item in split.train.nonzero()[0]
            ]
            for k, found in hits.items():
                found.append(any(made.labels[item] == made.labels[asked] for _, item in sorted(cosine)[:k]))
    for k, found in hits.items():
        assert numbers[f"p/x/neighbors/R@{k}"] == pytest.approx(np.mean(found))
    # Of the 20 others, 6 or 7 are of the class.
    assert 0.29 < numbers["p/x/neighbors/R@1/chance"] < 0.36
    assert "p/x/neighbors/R@20" not in numbers


def test_one_class_is_refused() -> None:
    made = replace(frozen(), labels=("a",) * 30)
    with pytest.raises(EvaluationError, match="two classes"):
        judged("p", made, [Split(np.arange(30) < 20, np.arange(30) < 5, np.arange(30) >= 20)], [NearestNeighbors()])


def test_recordings_without_label_are_counted(given: Any, memory_clips: Callable[..., Clips]) -> None:
    listed = [
        Recording(f"c{n}", "mp4", label="" if n == 2 else "ab"[n % 2], extra={"fold": n // 2 + 1}) for n in range(6)
    ]
    objective = given(audio=torch.eye(6))
    clips = memory_clips(6, listed=listed)

    def freeze(limit: int = 0, batch_size: int = 32, label: Told = labelled) -> Frozen:
        cut = alone(clips, "audio", 3)
        seen = look_at_windows(objective, cut, [Embedding()], "audio", limit=limit, batch_size=batch_size)
        return with_labels(seen, label, lambda recording: str(recording.extra["fold"]))

    made = freeze()
    assert made.keys == ("c0", "c1", "c3", "c4", "c5")
    assert made.unlabeled == 1
    assert made.folds == ("1", "1", "2", "3", "3")
    assert made.owner.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4]
    np.testing.assert_array_equal(made.values["embedding"][::3], np.eye(6)[[0, 1, 3, 4, 5]])
    limited = freeze(limit=4, batch_size=5)
    assert limited.keys == ("c0", "c1", "c3")
    with pytest.raises(EvaluationError, match="no label"):
        freeze(label=lambda recording: "")


def test_what_to_learn_from_is_needed(given: Any, memory_clips: Callable[..., Clips]) -> None:
    objective, clips = given(audio=torch.eye(3)), memory_clips(3)
    for wrong in (Probes(clips=clips), Probes(clips=clips, train="a", fold="b")):
        with pytest.raises(UsageError, match="one of `train` and `fold`"):
            wrong(objective)
    with pytest.raises(UsageError, match="no video"):
        Probes(clips=clips, fold="fold", modalities=("video",))(objective)
