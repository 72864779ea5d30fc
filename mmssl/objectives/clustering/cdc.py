"""CDC: which cluster of videos with their sounds does this video belong to, and which does this sound?

Alwassel, Mahajan, Korbar, Torresani, Ghanem and Tran 2020, "Self-Supervised Learning by Cross-Modal Audio-Video
Clustering" (NeurIPS), section 3: the features of both streams, each brought to length 1, are joined and clustered
once, and both streams learn these labels. Departures: those of `deep_cluster.py`.
"""

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch.nn import functional

from mmssl.modules.assignment import Found
from mmssl.modules.cluster_learner import TwoStreams


def joined(first: Found, second: Found) -> Found:
    """Features `[n, D + E]` of the recordings that both have, each part of length 1."""
    both = first[0][torch.isin(first[0], second[0])]
    parts = [functional.normalize(rows[torch.isin(numbers, both)], dim=-1) for numbers, rows in (first, second)]
    return both, torch.cat(parts, dim=1)


class CDC(TwoStreams):
    """Two streams with one set of labels; nothing aligns their features, so they cannot be compared.

    Its arguments are those of `TwoStreams`.
    """

    taught: ClassVar = {"video": ["joint"], "audio": ["joint"]}

    def to_cluster(self, found: Mapping[str, Found]) -> Mapping[str, Found]:
        """Joined features of the recordings that have picture and sound."""
        return {"joint": joined(found["video"], found["audio"])}
