"""MDC."""

from benchmarks.proofs._clusters import clustering

PROOF = clustering(
    "mdc", "MDC", "mdc", "Alwassel et al. 2020", "a second head for the other stream's clusters helps (beside SDC)"
)
