"""AVE-Net: the same question by one distance, so that retrieval works."""

from benchmarks.proof import EASY, Arm, Proof

PROOF = Proof(
    family="correspondence",
    objective="AVENet",
    paper="Arandjelović and Zisserman 2018",
    file="correspondence/ave_net.py",
    hook="pair_scores",
    arms=(
        Arm(
            name="ave_net",
            recipe="ave_net",
            arguments={"steps": 1500, "batch_size": 16, "lr": 2e-3, "pixels": 48, "width": 6},
        ),
    ),
    films=EASY,
    numbers=("correspondence/accuracy", "retrieval/audio-video/R@10"),
    says="the same, and sounds find their picture",
)
