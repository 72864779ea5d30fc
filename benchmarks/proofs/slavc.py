"""SLAVC with and without silent negatives: where it sounds, and how sure the map is of sounds that nothing makes."""

from benchmarks.proof import Arm, Proof
from benchmarks.proofs.dense_av import FALSE_ALARMS, POINTING

SLAVC = {"steps": 500, "batch_size": 32, "lr": 2e-3, "momentum": 0.99, "small": True}

PROOF = Proof(
    family="contrast",
    objective="SLAVC",
    paper="Mo and Morgado 2022",
    file="contrastive/slavc.py",
    hook="after_step",
    arms=(
        Arm(name="slavc_silence", recipe="slavc", arguments={**SLAVC, "silence": True}),
        Arm(name="slavc", recipe="slavc", arguments={**SLAVC, "silence": False}),
    ),
    numbers=(*POINTING, "localization/silence/pointing", "localization/detection/AUC", *FALSE_ALARMS),
    says="silent negatives lower the false alarms",
)
