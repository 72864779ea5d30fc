"""Perfect Match: both logits, and what an untrained network finds.

On the default world, whose sounds repeat, the first arm reached .57 with 10 windows and .84 with all of them after 240
steps, and `python -m benchmarks.sync_ceiling WORLD/test` gives .844 as the most that can be told there.
"""

from benchmarks.proof import UNEVEN, Arm, Proof

SMALL = {"steps": 500, "batch_size": 16, "lr": 4e-3, "seconds": 3.6, "pixels": 32, "small": True}

PROOF = Proof(
    family="synchrony",
    objective="PerfectMatch",
    paper="Chung et al. 2019",
    file="synchrony/perfect_match.py",
    hook="heat",
    arms=(
        Arm(name="perfect_match", recipe="perfect_match", arguments={**SMALL, "cosine": True}),
        Arm(name="one over the distance", recipe="perfect_match", arguments=SMALL),
        Arm(name="untrained", recipe="perfect_match", arguments=SMALL, trained=False),
    ),
    numbers=(
        "synchrony/as-it-is/Acc@+-1/10",
        "synchrony/as-it-is/Acc@+-1/all",
        "synchrony/shifted/Acc@+-1/10",
        "synchrony/shifted/Acc@+-1/all",
        "synchrony/blind/Acc@+-1/all",
        "synchrony/as-it-is/AUC",
    ),
    films=UNEVEN,
    says="the sound of the same instant is told from that of others of its clip, and by how much it was moved",
)
