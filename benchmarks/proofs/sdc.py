"""SDC: DeepCluster of each stream by itself."""

from benchmarks.proofs._clusters import clustering

PROOF = clustering("sdc", "DeepCluster", "deep_cluster", "Caron et al. 2018", "each stream learns its own clusters")
