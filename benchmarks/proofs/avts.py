"""AVTS with its curriculum."""

from benchmarks.proof import UNEVEN, Arm, Proof

SMALL = {"steps": 300, "batch_size": 32, "lr": 2e-3, "seconds": 3.6, "pixels": 32, "width": 8}

PROOF = Proof(
    family="synchrony",
    objective="AVTS",
    paper="Korbar et al. 2018",
    file="synchrony/avts.py",
    hook="after_step",
    arms=(Arm(name="avts", recipe="avts", arguments=SMALL),),
    numbers=("correspondence/accuracy", "synchrony/as-it-is/AUC", "synchrony/as-it-is/Acc@+-1/all"),
    films=UNEVEN,
    says="easy negatives first teach what belongs together, hard ones then when",
)
