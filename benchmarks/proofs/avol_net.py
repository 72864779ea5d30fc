"""AVOL-Net on single objects: the best place answers for the sound; and DenseAV there, trained as long.

Among several objects see the arms of `dense_av`.
"""

from benchmarks.proof import EASY, Arm, Proof
from benchmarks.proofs.dense_av import DENSE, POINTING

PROOF = Proof(
    family="correspondence",
    objective="AVOLNet",
    paper="Arandjelović and Zisserman 2018",
    file="correspondence/avol_net.py",
    hook="pair_scores, heat",
    arms=(
        Arm(
            name="avol_net",
            recipe="avol_net",
            arguments={"steps": 800, "batch_size": 32, "lr": 2e-3, "pixels": 64, "small": True},
        ),
        Arm(name="dense_av", recipe="dense_av", arguments={**DENSE, "silence": False}),
    ),
    films=EASY,
    numbers=("correspondence/accuracy", *POINTING),
    says="the place that answers for the sound lies on what sounds",
)
