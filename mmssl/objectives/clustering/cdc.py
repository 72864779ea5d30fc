"""CDC: which cluster of videos with their sounds does this video belong to, and which does this sound?

Alwassel, Mahajan, Korbar, Torresani, Ghanem and Tran 2020, "Self-Supervised Learning by Cross-Modal Audio-Video
Clustering" (NeurIPS), section 3: the features of both streams, each brought to length 1, are joined and clustered
once, and both streams learn these labels. Departures: those of `deep_cluster.py`.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional

from mmssl.batch import Batch, Modality
from mmssl.encoder import Encoder
from mmssl.modules.assignment import Found, of_recordings, pooled
from mmssl.modules.cached_gradient import in_chunks
from mmssl.modules.cluster_lessons import Lessons
from mmssl.modules.when_training import WhenTraining
from mmssl.objective import Objective, Terms


def joined(first: Found, second: Found) -> Found:
    """Features `[n, D + E]` of the recordings that both have, each part of length 1."""
    both = first[0][torch.isin(first[0], second[0])]
    parts = [functional.normalize(rows[torch.isin(numbers, both)], dim=-1) for numbers, rows in (first, second)]
    return both, torch.cat(parts, dim=1)


class CDC(Objective):
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

    comparable = False
    chunk: int | None = 0

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
        super().__init__(encoders, {m: nn.Identity() for m in encoders})
        self.refresh_every = refresh_every
        self.lessons = Lessons(encoders, {"video": ["joint"], "audio": ["joint"]}, clusters, dims)
        self.augments = nn.ModuleDict({"video": WhenTraining(augment), "audio": WhenTraining(audio_augment)})

    def forward(self, batch: Batch) -> tuple[Tensor, Terms]:
        """The sum of both cross-entropies, 2 log K at chance; terms as of `Lessons`."""
        learnt: tuple[Tensor, Terms] = self.lessons(in_chunks(self.represent, (batch,), self.chunk or 0), batch)
        return learnt

    def represent(self, batch: Batch) -> dict[str, Tensor]:
        """Features of each clip, `[B, D]`."""
        changed = Batch(**{m: self.augments[m](getattr(batch, m), batch) for m in self.encoders})
        return {m: pooled(self, changed, m) for m in self.encoders}

    def refresh(self, batches: Iterable[Batch]) -> None:
        """Find the clusters of recordings that have picture and sound; the heads begin anew."""
        found = of_recordings(self, batches)
        self.lessons.renew({"joint": joined(found["video"], found["audio"])})

    def clusters(self, batch: Batch) -> dict[str, Tensor]:
        """`[B, K]` probabilities of the clusters by each head, NaN for clips that lack its modality."""
        return self.lessons.predict(self, batch)
