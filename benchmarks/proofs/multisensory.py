"""Multisensory: true and shifted sound told apart, and where in view the answer lies."""

from benchmarks.proof import Arm, Proof

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
                "steps": 200,
                "batch_size": 16,
                "lr": 2e-3,
                "seconds": 3.6,
                "part": 2.0,
                "fps": 25.0,
                "pixels": 32,
                "small": True,
            },
        ),
    ),
    numbers=("synchrony/as-it-is/AUC", "synchrony/as-it-is/Acc@+-1/all", "localization/pointing"),
    says="one network tells sound of this moment from sound of another",
)
