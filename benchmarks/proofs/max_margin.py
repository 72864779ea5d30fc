"""Max-margin ranking on silent films of several scenes, four clips of each film in a batch."""

from benchmarks.narrated import CALM
from benchmarks.proof import Arm, Proof

_SMALL = {"steps": 250, "batch_size": 32, "frames": 4, "pixels": 56, "width": 16, "lr": 5e-3, "clips": 4}

PROOF = Proof(
    family="contrast",
    objective="MaxMargin",
    paper="Miech et al. 2019",
    file="contrastive/max_margin.py",
    hook="-",
    arms=(
        Arm(name="half within", recipe="max_margin", arguments={**_SMALL, "within": 0.5}),
        Arm(name="none within", recipe="max_margin", arguments={**_SMALL, "within": 0.0}),
        Arm(name="untrained", recipe="max_margin", arguments=_SMALL, trained=False),
    ),
    numbers=("retrieval/text-video/R@10", "retrieval/video-text/R@10"),
    says="words find their picture; negatives within a film help or harm by as much as told",
    films=CALM,
)
