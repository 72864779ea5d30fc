"""XDC, and the features of untrained encoders below it."""

from benchmarks.proofs._clusters import clustering

PROOF = clustering(
    "xdc",
    "XDC",
    "xdc",
    "Alwassel et al. 2020",
    "sight learns kinds from the clusters of sounds, more than in CDC and MDC; sound loses by it",
    untrained=True,
)
