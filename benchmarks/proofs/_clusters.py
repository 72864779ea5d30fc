"""What the four ways to cluster have in common, so that their rows compare: encoders, steps, rounds, and the probe."""

from benchmarks.probed import probed
from benchmarks.proof import Arm, Films, Proof
from mmssl.data.synthetic.difficulty import easy
from mmssl.data.synthetic.generate import World

# One object a clip: in the default world even the kinds' own labels teach sight next to nothing in 100 steps.
_FILMS = Films(
    name="easy64", world=World(pixels=64, seconds=2.4, difficulty=easy()), counts={"train": 1200, "test": 300}
)
_SMALL = {"small": True, "steps": 500, "batch_size": 32, "lr": 5e-3, "rounds": 2, "clusters": 32, "dims": 32}


def clustering(recipe: str, objective: str, file: str, paper: str, says: str, untrained: bool = False) -> Proof:
    """The proof of one of them; `untrained` adds the features of encoders that nothing has trained."""
    arms = [Arm(name=recipe, recipe=recipe, arguments=_SMALL)]
    if untrained:
        arms.append(Arm(name="untrained", recipe=recipe, arguments=_SMALL, trained=False))
    return Proof(
        family="clustering",
        objective=objective,
        paper=paper,
        file=f"clustering/{file}.py",
        hook="refresh",
        arms=tuple(arms),
        numbers=("probe/video/accuracy", "probe/audio/accuracy"),
        says=says,
        films=_FILMS,
        measured_by=probed,
    )
