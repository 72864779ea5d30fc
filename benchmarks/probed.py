"""Frozen features of a model by a linear classifier of the world's kinds: `Proof(measured_by=probed)`.

Features of the middle of each recording, each dimension with mean 0 and variance 1 on the training clips, and
scikit-learn's logistic regression with C = 0.1; fitted on the clips the model was trained on, which have labels now.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mmssl.applications.model import Model
from mmssl.evaluate.held_out import middle
from mmssl.evaluate.interval import described
from mmssl.evaluate.vectors import HeldOut, embed_held_out


@torch.no_grad()
def probed(model: Model, world: Path) -> Mapping[str, float]:
    """`probe/MODALITY/accuracy` with its interval, and chance, which is always saying the most frequent kind."""
    train, test = (_held(model, world / split) for split in ("train", "test"))
    return classified(train, test)


def classified(train: HeldOut, test: HeldOut) -> Mapping[str, float]:
    """The same of features that are there."""
    chance = Counter(test.labels).most_common(1)[0][1] / len(test.labels)
    numbers: dict[str, float] = {}
    for modality in test.vectors:
        classifier = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=500))
        classifier.fit(train.vectors[modality].embeddings.numpy(), train.labels)
        said = classifier.predict(test.vectors[modality].embeddings.numpy())
        right = torch.tensor([one == other for one, other in zip(said, test.labels, strict=True)]).double()
        numbers |= described(f"probe/{modality}/accuracy", right, chance=chance)
    return numbers


def _held(model: Model, split: Path) -> HeldOut:
    opened = middle(replace(model.run.data, source=str(split)))
    return embed_held_out(model.objective, opened, workers=1)
