"""TCC: do the frames of films of one action find each other's phase, where a network as drawn and raw pixels do not?"""

from benchmarks.proof import Arm, Films, Proof
from mmssl.data.synthetic.difficulty import actions
from mmssl.data.synthetic.generate import World

SMALL = {"small": True, "seconds": 4.0, "frames": 40, "pixels": 32, "batch_size": 4, "lr": 1e-3}

PROOF = Proof(
    family="cycle",
    objective="TCC",
    paper="Dwibedi et al. 2019",
    file="cycle/tcc.py",
    hook="-",
    arms=(
        Arm(name="tcc", recipe="tcc", arguments={**SMALL, "steps": 800}),
        Arm(name="untrained", recipe="tcc", arguments=SMALL, trained=False),
    ),
    numbers=(
        "alignment/tau",
        "alignment/pixels/tau",
        "alignment/phase-error",
        "alignment/phase@10",
        "alignment/phase@100",
        "alignment/progress",
    ),
    says="tau of at least 0.8 on held-out films of one action, above the untrained network and raw pixels",
    films=Films(name="actions64", world=World(pixels=64, difficulty=actions()), counts={"train": 600, "test": 120}),
)
