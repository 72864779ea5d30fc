"""SigLIP on small towers."""

from benchmarks.proof import Arm, Proof

SMALL = {"steps": 400, "batch_size": 32, "lr": 8e-3, "frames": 1, "pixels": 64, "width": 32}

PROOF = Proof(
    family="contrast",
    objective="SigLIP",
    paper="Zhai et al. 2023",
    file="contrastive/siglip.py",
    hook="-",
    arms=(
        Arm(name="siglip", recipe="siglip", arguments=SMALL),
        Arm(name="siglip-untrained", recipe="siglip", arguments=SMALL, trained=False),
    ),
    numbers=("retrieval/text-video/R@10", "retrieval/video-text/R@10"),
    says="words find their picture among 300, and pictures their words",
)
