"""AVTS with its curriculum, without hard negatives, and with vectors that are means over the second.

What is dribbled touches the floor about three times in any second, so means over one hardly change with time. Between
two contacts are 0.2 to 0.5 s, and twelve cells are of 0.08 s: sounds of other films then have their contacts at other
times, and easy negatives teach timing already.
"""

from benchmarks.proof import UNEVEN, Arm, Proof
from mmssl.training.recipe import Argument

SMALL: dict[str, Argument] = {
    "steps": 320,
    "batch_size": 32,
    "lr": 8e-3,
    "seconds": 3.6,
    "pixels": 32,
    "small": True,
}

PROOF = Proof(
    family="synchrony",
    objective="AVTS",
    paper="Korbar et al. 2018",
    file="synchrony/avts.py",
    hook="after_step",
    arms=(
        Arm(name="avts", recipe="avts", arguments={**SMALL, "cells": 12}, seeds=(0, 1, 2)),
        Arm(name="easy negatives alone", recipe="avts", arguments={**SMALL, "cells": 12, "hard": 0.0}),
        Arm(name="means over a second", recipe="avts", arguments=SMALL),
    ),
    numbers=(
        "correspondence/accuracy",
        "synchrony/as-it-is/AUC",
        "synchrony/as-it-is/Acc@+-1/all",
        "synchrony/shifted/Acc@+-1/all",
        "synchrony/blind/Acc@+-1/all",
    ),
    films=UNEVEN,
    says="vectors that keep the order of a second tell what belongs together and when",
)
