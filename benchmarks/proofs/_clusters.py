"""What the four ways to cluster have in common, so that their rows compare: encoders, steps, rounds, and the probe."""

from benchmarks.probed import probed
from benchmarks.proof import EASY, Arm, Proof

_SEEDS = (0, 1, 2)
_SMALL = {"small": True, "steps": 400, "batch_size": 32, "lr": 5e-3, "rounds": 2, "clusters": 32, "dims": 32}


def clustering(recipe: str, objective: str, file: str, paper: str, says: str, untrained: bool = False) -> Proof:
    """The proof of one of them; `untrained` adds the features of encoders that nothing has trained."""
    arms = [Arm(name=recipe, recipe=recipe, arguments=_SMALL, seeds=_SEEDS)]
    if untrained:
        arms.append(Arm(name="untrained", recipe=recipe, arguments=_SMALL, trained=False, seeds=_SEEDS))
    return Proof(
        family="clustering",
        objective=objective,
        paper=paper,
        file=f"clustering/{file}.py",
        hook="refresh",
        arms=tuple(arms),
        numbers=("probe/video/accuracy", "probe/audio/accuracy"),
        says=says,
        films=EASY,  # among several objects even labels of the kinds teach sight nothing in 100 steps
        measured_by=probed,
    )
