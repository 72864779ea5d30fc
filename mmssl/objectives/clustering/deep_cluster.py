"""DeepCluster: which cluster of its own kind does this video, or this sound, belong to?

Caron, Bojanowski, Joulin and Douze 2018, "Deep Clustering for Unsupervised Learning of Visual Features" (ECCV),
equation 2, with the k-means of section 4.1 (`modules/assignment`). Of two streams that never meet, it is the SDC with
which Alwassel et al. 2020, "Self-Supervised Learning by Cross-Modal Audio-Video Clustering", compare.

Departures: a clip weighs 1 / the size of its cluster instead of being drawn that much more often, as the order of clips
is settled before training; features are the encoder's own, pooled, whatever its last layer; no Sobel filter; heads and
encoders have one optimizer, which forgets the heads' moments when they begin anew; a recording's label is that of the
mean over its windows in the middle of it or at fixed places.
"""

from torch import nn

from mmssl.batch import Modality
from mmssl.encoder import Encoder
from mmssl.errors import UsageError
from mmssl.modules.cluster_learner import ClusterLearner


class DeepCluster(ClusterLearner):
    """Each stream learns the clusters of its own features.

    Args:
        video: encoder, or None.
        audio: likewise.
        clusters: K of each stream.
        dims: of features that PCA leaves for k-means.
        refresh_every: steps of a round, after which clusters are found again and the heads begin anew.
        augment: of video, when training: `(video, seed) -> video`; never when clusters are found.
        audio_augment: of audio, likewise.

    Raises:
        UsageError: no encoder.
    """

    def __init__(
        self,
        *,
        video: Encoder | None = None,
        audio: Encoder | None = None,
        clusters: int = 10_000,
        dims: int = 256,
        refresh_every: int = 5000,
        augment: nn.Module | None = None,
        audio_augment: nn.Module | None = None,
    ) -> None:
        given: dict[Modality, Encoder | None] = {"video": video, "audio": audio}
        encoders = {m: encoder for m, encoder in given.items() if encoder is not None}
        if not encoders:
            raise UsageError("DeepCluster needs video or audio: give it an encoder")
        super().__init__(
            encoders,
            {m: [m] for m in encoders},
            clusters=clusters,
            dims=dims,
            refresh_every=refresh_every,
            augments=(augment, audio_augment),
        )
