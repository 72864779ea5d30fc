"""XDC beside the other three ways to cluster, with equal encoders, steps and rounds."""

from benchmarks.probed import probed
from benchmarks.proof import Arm, Proof

SMALL = {"small": True, "steps": 300, "batch_size": 32, "lr": 2e-3, "rounds": 3, "clusters": 64, "dims": 32}

PROOF = Proof(
    family="clustering",
    objective="XDC",
    paper="Alwassel et al. 2020",
    file="clustering/xdc.py",
    hook="refresh",
    arms=(
        Arm(name="xdc", recipe="xdc", arguments=SMALL),
        Arm(name="cdc", recipe="cdc", arguments=SMALL),
        Arm(name="mdc", recipe="mdc", arguments=SMALL),
        Arm(name="sdc", recipe="sdc", arguments=SMALL),
        Arm(name="untrained", recipe="xdc", arguments=SMALL, trained=False),
    ),
    numbers=("probe/video/accuracy", "probe/audio/accuracy"),
    says="sight that learns the clusters of sounds tells kinds better than sight that learns its own",
    measured_by=probed,
)
