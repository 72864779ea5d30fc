"""MDC."""

from benchmarks.proofs._clusters import clustering

PROOF = clustering(
    "mdc", "MDC", "mdc", "Alwassel et al. 2020", "with its own clusters kept beside those of sight, sound gains as well"
)
