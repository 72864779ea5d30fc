"""MMV's three ways to join spaces; sound and words are never compared by a loss, and in disjoint ones by nothing."""

from benchmarks.proof import Arm, Proof
from mmssl.training.recipe import Argument

_SMALL: dict[str, Argument] = {"steps": 300, "batch_size": 32, "lr": 5e-3, "sound_weight": 1.0, "small": True}

PROOF = Proof(
    family="contrast",
    objective="MMV",
    paper="Alayrac et al. 2020",
    file="contrastive/mmv.py",
    hook="-",
    arms=tuple(
        Arm(name=spaces, recipe="mmv", arguments={**_SMALL, "spaces": spaces})
        for spaces in ("fine-and-coarse", "shared", "disjoint")
    ),
    numbers=("retrieval/audio-video/R@10", "retrieval/text-video/R@10", "retrieval/text-audio/R@10"),
    says="each pair retrieves in its own space, sound and words in that of the coarse one without ever being compared",
)
