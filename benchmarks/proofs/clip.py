"""CLIP on small towers, captions in English."""

from benchmarks.proof import Arm, Proof

SMALL = {"steps": 400, "batch_size": 32, "lr": 8e-3, "frames": 1, "pixels": 64, "width": 32}

PROOF = Proof(
    family="contrast",
    objective="CLIP",
    paper="Radford et al. 2021",
    file="contrastive/clip.py",
    hook="after_step",
    arms=(
        Arm(name="clip", recipe="clip", arguments=SMALL),
        Arm(name="clip-untrained", recipe="clip", arguments=SMALL, trained=False),
    ),
    numbers=("retrieval/text-video/R@10", "retrieval/video-text/R@10"),
    says="words find their picture among 300, and pictures their words",
)
