"""MMP on captions in six languages, against English alone."""

from benchmarks.proof import Arm, Proof
from mmssl.training.recipe import Argument

_SMALL: dict[str, Argument] = {"text": "", "steps": 300, "batch_size": 32, "width": 16, "lr": 5e-3}

PROOF = Proof(
    family="contrast",
    objective="MMP",
    paper="Huang et al. 2021",
    file="contrastive/mmp.py",
    hook="after_step",
    arms=(
        Arm(name="mmp", recipe="mmp", arguments=_SMALL),
        Arm(name="English alone", recipe="mmp", arguments={**_SMALL, "weight": 0.0, "language": "en", "captions": 1}),
    ),
    numbers=("retrieval/text.en-video/R@10", "retrieval/text.average_but_en-video/R@10"),
    says="captions in other languages find their pictures, which those of an English model cannot",
)
