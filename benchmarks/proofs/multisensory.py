"""Multisensory: true and shifted sound told apart, and where in view the answer lies."""

from collections.abc import Mapping
from pathlib import Path

from benchmarks.proof import UNEVEN, Arm, Proof
from mmssl.applications.measure import measure
from mmssl.applications.model import Model


def some(model: Model, world: Path) -> Mapping[str, float]:
    """As of all proofs, but of 60 clips: early fusion computes its network anew for each shift."""
    return measure(model, str(world / "test"), limit=60, workers=1).numbers


PROOF = Proof(
    family="synchrony",
    objective="Multisensory",
    paper="Owens and Efros 2018",
    file="synchrony/multisensory.py",
    hook="heat",
    arms=(
        Arm(
            name="multisensory",
            recipe="multisensory",
            arguments={
                "steps": 400,
                "batch_size": 32,
                "lr": 4e-3,
                "seconds": 3.6,
                "part": 1.2,
                "fps": 12.5,
                "pixels": 32,
                "small": True,
            },
        ),
    ),
    numbers=("synchrony/as-it-is/AUC", "synchrony/as-it-is/Acc@+-1/all", "localization/pointing"),
    films=UNEVEN,
    says="one network tells sound of this moment from sound of another",
    measured_by=some,
)
