"""InfoNCE of sight, sound and words, as in the quickstart."""

from benchmarks.proof import Arm, Proof

PROOF = Proof(
    family="contrast",
    objective="InfoNCE",
    paper="van den Oord et al. 2018",
    file="contrastive/info_nce.py",
    hook="after_step",
    arms=(
        Arm(name="info_nce", recipe="quickstart", arguments={"steps": 400}),
        Arm(name="untrained", recipe="quickstart", trained=False),
    ),
    numbers=("retrieval/audio-video/R@10", "retrieval/text-video/R@10", "localization/pointing"),
    says="sound and words find their picture",
)
