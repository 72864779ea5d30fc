"""CDC."""

from benchmarks.proofs._clusters import clustering

PROOF = clustering("cdc", "CDC", "cdc", "Alwassel et al. 2020", "both streams learn clusters of their joined features")
