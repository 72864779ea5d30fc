"""XDC: which cluster of sounds does this video belong to, and which cluster of videos does this sound?

Alwassel, Mahajan, Korbar, Torresani, Ghanem and Tran 2020, "Self-Supervised Learning by Cross-Modal Audio-Video
Clustering" (NeurIPS), section 3: the labels of a stream are the clusters of the other one, never its own; the first
are those of encoders that nothing has trained. Departures: those of `deep_cluster.py`.
"""

from typing import ClassVar

from mmssl.modules.cluster_learner import TwoStreams


class XDC(TwoStreams):
    """Two streams that teach each other; nothing aligns their features, so they cannot be compared.

    Its arguments are those of `TwoStreams`.
    """

    taught: ClassVar = {"video": ["audio"], "audio": ["video"]}
