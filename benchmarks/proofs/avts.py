"""AVTS with its curriculum: it learns what belongs together and, in this time, not when.

Both vectors are means over a second, so sound a few frames later is hardly another.
"""

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
    arms=(Arm(name="avts", recipe="avts", arguments=SMALL),),
    numbers=("correspondence/accuracy", "synchrony/as-it-is/AUC", "synchrony/as-it-is/Acc@+-1/all"),
    films=UNEVEN,
    says="negatives of other films teach what belongs together; hard ones of the same film do not yet teach when",
)
