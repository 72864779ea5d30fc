"""MDC: which cluster of videos does this video belong to, and which cluster of sounds? And this sound likewise?

Alwassel, Mahajan, Korbar, Torresani, Ghanem and Tran 2020, "Self-Supervised Learning by Cross-Modal Audio-Video
Clustering" (NeurIPS), section 3: each stream has two heads, one for its own clusters and one for those of the other
stream. Departures: those of `deep_cluster.py`.
"""

from torch import nn

from mmssl.batch import Modality
from mmssl.encoder import Encoder
from mmssl.modules.cluster_learner import ClusterLearner


class MDC(ClusterLearner):
    """Two streams that learn both sets of labels; nothing aligns their features, so they cannot be compared.

    Args:
        video: encoder.
        audio: encoder.
        clusters: K, of videos and of sounds.
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
            {"video": ["video", "audio"], "audio": ["audio", "video"]},
            clusters=clusters,
            dims=dims,
            refresh_every=refresh_every,
            augments=(augment, audio_augment),
        )
