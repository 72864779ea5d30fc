"""MMP on captions in six languages, against its inter-modal loss alone, and against English alone."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from benchmarks.proof import Arm, Proof, evaluated
from mmssl.applications.model import Model
from mmssl.training.recipe import Argument

_SMALL: dict[str, Argument] = {"text": "", "steps": 300, "batch_size": 32, "width": 16, "lr": 5e-3}


def in_all_languages(model: Model, world: Path) -> Mapping[str, float]:
    """As of all proofs, but of captions in every language, whichever the model was trained on."""
    model.run.data = replace(model.run.data, language="")
    return evaluated(model, world)


PROOF = Proof(
    family="contrast",
    objective="MMP",
    paper="Huang et al. 2021",
    file="contrastive/mmp.py",
    hook="after_step",
    arms=(
        Arm(name="mmp", recipe="mmp", arguments=_SMALL),
        Arm(name="between modalities alone", recipe="mmp", arguments={**_SMALL, "weight": 0.0}),
        Arm(name="English alone", recipe="mmp", arguments={**_SMALL, "weight": 0.0, "language": "en", "captions": 1}),
    ),
    numbers=("retrieval/text.en-video/R@10", "retrieval/text.average_but_en-video/R@10"),
    says="captions in other languages find their pictures, which those of an English model cannot",
    measured_by=in_all_languages,
)
