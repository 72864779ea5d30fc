"""Support-set captioning: captions told from other videos, or their own, beside contrast alone."""

from benchmarks.proof import Arm, Proof

_SMALL = {"steps": 250, "batch_size": 32, "frames": 4, "pixels": 56, "width": 16, "lr": 5e-3}

PROOF = Proof(
    family="generation",
    objective="SupportSet",
    paper="Patrick et al. 2021",
    file="generation/support_set.py",
    hook="after_step",
    arms=(
        Arm(name="cross", recipe="support_set", arguments={**_SMALL, "support": "cross"}),
        Arm(name="hybrid", recipe="support_set", arguments={**_SMALL, "support": "hybrid"}),
        Arm(name="none", recipe="support_set", arguments={**_SMALL, "support": "none"}),
    ),
    numbers=("retrieval/text-video/R@10", "retrieval/video-text/R@10"),
    says="what captioning from other videos adds to contrast",
)
