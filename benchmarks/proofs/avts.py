"""AVTS with its curriculum."""

from benchmarks.proof import UNEVEN, Arm, Proof
from mmssl.training.recipe import Argument

SMALL: dict[str, Argument] = {
    "steps": 700,
    "batch_size": 32,
    "lr": 8e-3,
    "seconds": 3.6,
    "pixels": 32,
    "begin": 0.4,
    "small": True,
}

PROOF = Proof(
    family="synchrony",
    objective="AVTS",
    paper="Korbar et al. 2018",
    file="synchrony/avts.py",
    hook="after_step",
    arms=(
        Arm(name="avts", recipe="avts", arguments=SMALL),
        Arm(name="easy alone", recipe="avts", arguments={**SMALL, "hard": 0.0}),
    ),
    numbers=("correspondence/accuracy", "synchrony/as-it-is/AUC", "synchrony/as-it-is/Acc@+-1/all"),
    films=UNEVEN,
    says="easy negatives first teach what belongs together, hard ones then when",
)
