"""Objectives whose labels are clusters: DeepCluster, MDC, CDC and XDC differ in who learns what of whom."""

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

from torch import Tensor, nn

from mmssl.batch import Batch, Modality
from mmssl.encoder import Encoder
from mmssl.modules.assignment import Found, of_recordings, pooled
from mmssl.modules.cached_gradient import in_chunks
from mmssl.modules.cluster_lessons import Lessons
from mmssl.modules.when_training import WhenTraining
from mmssl.objective import Objective, Terms


class ClusterLearner(Objective):
    """Streams that learn clusters in rounds; nothing aligns their features, so they cannot be compared.

    Args:
        encoders: by modality.
        taught: modality to the clusterings that it learns, see `Lessons`.
        clusters: K of each clustering.
        dims: of features that PCA leaves for k-means.
        refresh_every: steps of a round, after which clusters are found again and the heads begin anew.
        augments: of video and audio, when training: `(inputs, seed) -> inputs`; never when clusters are found.
    """

    comparable = False
    chunk: int | None = 0

    def __init__(
        self,
        encoders: dict[Modality, Encoder],
        taught: Mapping[Modality, Sequence[str]],
        *,
        clusters: int,
        dims: int,
        refresh_every: int,
        augments: tuple[nn.Module | None, nn.Module | None],
    ) -> None:
        super().__init__(encoders, {m: nn.Identity() for m in encoders})
        self.refresh_every = refresh_every
        self.lessons = Lessons(encoders, taught, clusters, dims)
        self.augments = nn.ModuleDict({m: WhenTraining(a) for m, a in zip(("video", "audio"), augments, strict=True)})

    def forward(self, batch: Batch) -> tuple[Tensor, Terms]:
        """The sum of the heads' cross-entropies, each log K at chance; terms as of `Lessons`."""
        learnt: tuple[Tensor, Terms] = self.lessons(in_chunks(self.represent, (batch,), self.chunk or 0), batch)
        return learnt

    def represent(self, batch: Batch) -> dict[str, Tensor]:
        """Features of each clip, `[B, D]`."""
        changed = Batch(**{m: self.augments[m](getattr(batch, m), batch) for m in self.encoders})
        return {m: pooled(self, changed, m) for m in self.encoders}

    def refresh(self, batches: Iterable[Batch]) -> None:
        """Find the clusters; the heads begin anew."""
        self.lessons.renew(self.to_cluster(of_recordings(self, batches)))

    def to_cluster(self, found: Mapping[str, Found]) -> Mapping[str, Found]:
        """What each clustering is made of, from the features by modality; those themselves by default."""
        return found

    def clusters(self, batch: Batch) -> dict[str, Tensor]:
        """`[B, K]` probabilities of the clusters by each head, NaN for clips that lack its modality."""
        return self.lessons.predict(self, batch)


class TwoStreams(ClusterLearner):
    """Picture and sound that learn from clusters of one or both; a subclass says who learns what of whom.

    Args:
        video: encoder.
        audio: encoder.
        clusters: K of each clustering.
        dims: of features that PCA leaves for k-means.
        refresh_every: steps of a round, after which clusters are found again and the heads begin anew.
        augment: of video, when training: `(video, seed) -> video`; never when clusters are found.
        audio_augment: of audio, likewise.

    Attributes:
        taught: modality to the clusterings that it learns.
    """

    taught: ClassVar[Mapping[Modality, Sequence[str]]]

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
        super().__init__(
            {"video": video, "audio": audio},
            self.taught,
            clusters=clusters,
            dims=dims,
            refresh_every=refresh_every,
            augments=(augment, audio_augment),
        )
