"""CDC: which cluster of videos with their sounds does this video belong to, and which does this sound?

Alwassel, Mahajan, Korbar, Torresani, Ghanem and Tran 2020, "Self-Supervised Learning by Cross-Modal Audio-Video
Clustering" (NeurIPS), section 3: the features of both streams, each brought to length 1, are joined and clustered
once, and both streams learn these labels. Departures: those of `deep_cluster.py`.
"""

from collections.abc import Mapping

import torch
from torch import nn
from torch.nn import functional

from mmssl.batch import Modality
from mmssl.encoder import Encoder
from mmssl.modules.assignment import Found
from mmssl.modules.cluster_learner import ClusterLearner


def joined(first: Found, second: Found) -> Found:
    """Features `[n, D + E]` of the recordings that both have, each part of length 1."""
    both = first[0][torch.isin(first[0], second[0])]
    parts = [functional.normalize(rows[torch.isin(numbers, both)], dim=-1) for numbers, rows in (first, second)]
    return both, torch.cat(parts, dim=1)


class CDC(ClusterLearner):
    """Two streams with one set of labels; nothing aligns their features, so they cannot be compared.

    Args:
        video: encoder.
        audio: encoder.
        clusters: K.
        dims: of features that PCA leaves for k-means.
        refresh_every: steps of a round, after which clusters are found again and the heads begin anew.
        augment: of video, when training: `(video, seed) -> video`; never when clusters are found.
        audio_augment: of audio, likewise.
    """

    def __init__(
        self,
        *,
        video: Encoder,
        audio: Encoder,
        clusters: int = 256,
        dims: int = 256,
        refresh_every: int = 5000,
        augment: nn.Module | None = None,
        audio_augment: nn.Module | None = None,
    ) -> None:
        encoders: dict[Modality, Encoder] = {"video": video, "audio": audio}
        super().__init__(
            encoders,
            {"video": ["joint"], "audio": ["joint"]},
            clusters=clusters,
            dims=dims,
            refresh_every=refresh_every,
            augments=(augment, audio_augment),
        )

    def to_cluster(self, found: Mapping[str, Found]) -> Mapping[str, Found]:
        """Joined features of the recordings that have picture and sound."""
        return {"joint": joined(found["video"], found["audio"])}
