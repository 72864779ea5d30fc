"""XDC, and the features of untrained encoders below it."""

from benchmarks.proofs._clusters import clustering

PROOF = clustering(
    "xdc",
    "XDC",
    "xdc",
    "Alwassel et al. 2020",
    "sight that learns the clusters of sounds tells kinds better than by its own (SDC) or by joint ones (CDC)",
    untrained=True,
)
