"""LiT: a picture tower that learnt from sound alone on 2,500 films, and words for it from 100 captioned ones."""

import math
from collections.abc import Mapping
from pathlib import Path

from benchmarks.proof import Arm, Proof, evaluated
from mmssl.applications.model import Model
from mmssl.training.recipe import Argument

_FEW = "{train}/train-0000*.mp4"  # 100 films
_SEEDS = (0, 1, 2)
_STAGE: dict[str, Argument] = {"pretrained": "{seen}", "steps": 200, "batch_size": 32, "lr": 5e-3, "frames": 1}


def _measured(model: Model, world: Path) -> Mapping[str, float]:
    """What a run without words, which the others begin from, knows of them is not a number."""
    numbers = dict(evaluated(model, world))
    return numbers if "text" in model.modalities else numbers | dict.fromkeys(PROOF.numbers, math.nan)


PROOF = Proof(
    family="contrast",
    objective="LiT",
    paper="Zhai et al. 2022",
    file="contrastive/lit.py",
    hook="after_step",
    arms=(
        Arm(name="seen", recipe="quickstart", arguments={"words": 0, "steps": 400, "frames": 1}),
        Arm(name="Lu", recipe="lit", arguments={**_STAGE, "letters": "Lu"}, data=_FEW, seeds=_SEEDS),
        Arm(name="Uu", recipe="lit", arguments={**_STAGE, "letters": "Uu"}, data=_FEW, seeds=_SEEDS),
        Arm(name="uu", recipe="lit", arguments={**_STAGE, "letters": "uu"}, data=_FEW, seeds=_SEEDS),
    ),
    numbers=("retrieval/text-video/R@10", "retrieval/video-text/R@10"),
    says="with few captions a locked tower that has seen much beats one from random weights",
    measured_by=_measured,
)
