"""MIL-NCE against InfoNCE on films whose narration is up to eight seconds off, with the same steps and encoders."""

from benchmarks.narrated import NARRATED
from benchmarks.proof import Arm, Proof

_SMALL = {"steps": 300, "batch_size": 32, "frames": 4, "pixels": 56, "width": 16, "lr": 5e-3}

PROOF = Proof(
    family="contrast",
    objective="MILNCE",
    paper="Miech et al. 2020",
    file="contrastive/mil_nce.py",
    hook="-",
    arms=(
        Arm(name="bags of 4", recipe="mil_nce", arguments={**_SMALL, "captions": 4}),
        Arm(name="InfoNCE, 1 caption", recipe="info_nce_narrated", arguments={**_SMALL, "captions": 1}),
    ),
    numbers=("retrieval/text-video/R@10", "retrieval/video-text/R@10"),
    says="a bag of captions is better than the nearest one where narration drifts",
    films=NARRATED,
)
