"""L3-Net: does this frame go with this second of sound?"""

from benchmarks.proof import EASY, Arm, Proof

PROOF = Proof(
    family="correspondence",
    objective="L3Net",
    paper="Arandjelović and Zisserman 2017",
    file="correspondence/l3_net.py",
    hook="pair_scores",
    arms=(
        Arm(
            name="l3_net",
            recipe="l3_net",
            arguments={"steps": 1000, "batch_size": 16, "lr": 1e-3, "pixels": 48, "width": 4},
        ),
    ),
    films=EASY,
    numbers=("correspondence/accuracy",),
    says="a sound's own frame is told from another's",
)
