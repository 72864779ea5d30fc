"""MDC: which cluster of videos does this video belong to, and which cluster of sounds? And this sound likewise?

Alwassel, Mahajan, Korbar, Torresani, Ghanem and Tran 2020, "Self-Supervised Learning by Cross-Modal Audio-Video
Clustering" (NeurIPS), section 3: each stream has two heads, one for its own clusters and one for those of the other
stream. Departures: those of `deep_cluster.py`.
"""

from typing import ClassVar

from mmssl.modules.cluster_learner import TwoStreams


class MDC(TwoStreams):
    """Two streams that learn both sets of labels; nothing aligns their features, so they cannot be compared.

    Its arguments are those of `TwoStreams`.
    """

    taught: ClassVar = {"video": ["video", "audio"], "audio": ["audio", "video"]}
