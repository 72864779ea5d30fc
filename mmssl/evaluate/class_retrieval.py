"""Retrieval within one modality: does a recording of the same class stand among the first k of those learnt from?

As of Xu et al. (2019, VCOP) on UCF101: tested recordings ask, the training ones are the gallery, by cosine.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mmssl.evaluate.classifiers import per_recording
from mmssl.evaluate.frozen import Frozen
from mmssl.evaluate.interval import described
from mmssl.evaluate.ranks import ExpectedTies, place_embeddings, same
from mmssl.evaluate.splits import Split

RECALLS = (1, 5, 10, 20, 50)


def same_class(
    prefix: str,
    frozen: Frozen,
    values: NDArray[np.float32],
    classes: NDArray[np.int64],
    splits: Sequence[Split],
) -> Mapping[str, float]:
    """R@k of each k that the smallest gallery holds, with interval and chance; a class without a gallery is a miss.

    Args:
        prefix: of the numbers' names.
        frozen: R recordings.
        values: `[N, D]` of their windows, the mean over which stands for a recording.
        classes: `[R]`, -1 for one that nothing was learnt of.
        splits: `train` is the gallery of `test`.
    """
    features = torch.from_numpy(per_recording(values.astype(np.float64), frozen.owner)[1])
    recalls = [k for k in RECALLS if k < min(split.train.sum() for split in splits)]
    hits: dict[int, list[Tensor]] = {k: [] for k in recalls}
    lucky: dict[int, list[Tensor]] = {k: [] for k in recalls}
    for split in splits:
        asked, gallery = (torch.from_numpy(mask.nonzero()[0]) for mask in (split.test, split.train))
        query, item = (torch.from_numpy(classes)[rows] for rows in (asked, gallery))
        answered = (query.unsqueeze(1) == item).any(1)
        for k in recalls:
            for kept in (hits, lucky):
                kept[k].append(torch.zeros(len(asked), dtype=torch.float64))
        if not answered.any():
            continue
        places = place_embeddings(features[asked[answered]], features[gallery], same(query[answered], item))
        for k in recalls:
            hits[k][-1][answered] = ExpectedTies().hit(places, k)
            lucky[k][-1][answered] = ExpectedTies().hit(places.chance(), k)
    numbers: dict[str, float] = {}
    for k in recalls:
        chance = float(torch.cat(lucky[k]).mean())
        numbers |= described(f"{prefix}/R@{k}", torch.cat(hits[k]), chance=chance)
    return numbers
