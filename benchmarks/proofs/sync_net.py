"""SyncNet with its margin."""

from benchmarks.proof import UNEVEN, Arm, Proof

PROOF = Proof(
    family="synchrony",
    objective="SyncNet",
    paper="Chung and Zisserman 2016",
    file="synchrony/sync_net.py",
    hook="heat",
    arms=(
        Arm(
            name="sync_net",
            recipe="sync_net",
            arguments={"steps": 500, "batch_size": 16, "lr": 4e-3, "seconds": 3.6, "pixels": 32, "small": True},
        ),
    ),
    numbers=("synchrony/as-it-is/Acc@+-1/10", "synchrony/as-it-is/Acc@+-1/all", "synchrony/shifted/Acc@+-1/all"),
    films=UNEVEN,
    says="sounds of the same instant are nearer than those of others of the clip",
)
