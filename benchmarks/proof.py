"""`Proof`, what shows that an objective learns: a world, trainings to compare on it, and the numbers to look at."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mmssl.applications.measure import measure
from mmssl.applications.model import Model
from mmssl.data.synthetic.difficulty import easy, uneven
from mmssl.data.synthetic.generate import World, synthesize
from mmssl.training.recipe import Argument

RECIPES = Path(__file__).parents[1] / "recipes"


@dataclass(frozen=True, kw_only=True)
class Films:
    """A synthetic world on the disk; of one name, one world.

    Attributes:
        name: of its folder.
        world: its settings.
        counts: clips of each split; `train` and `test` are needed, `valid` fixes thresholds where it is there.
    """

    name: str
    world: World
    counts: Mapping[str, int]

    def made(self, folder: Path) -> Path:
        """The world's folder, rendered if it is not there."""
        out = folder / self.name
        synthesize(out, sum(self.counts.values()), world=self.world, splits=self.counts, workers=2, progress=False)
        return out


WORLD = Films(name="w64", world=World(pixels=64), counts={"train": 2500, "valid": 200, "test": 300})
# One object on a calm background, for systems of one picture and a second of sound.
EASY = Films(name="e64", world=World(pixels=64, difficulty=easy()), counts={"train": 2500, "valid": 200, "test": 300})
# Sounds that never repeat, so that each has one place only.
UNEVEN = Films(
    name="uneven64", world=World(pixels=64, difficulty=uneven()), counts={"train": 1500, "valid": 100, "test": 300}
)

Measure = Callable[[Model, Path], Mapping[str, float]]  # of a trained model and the world's folder


def evaluated(model: Model, world: Path) -> Mapping[str, float]:
    """What `mmssl evaluate RUN WORLD/test --validation WORLD/valid` prints."""
    valid = world / "valid"
    return measure(model, str(world / "test"), validation=str(valid) if valid.is_dir() else None, workers=1).numbers


@dataclass(frozen=True, kw_only=True)
class Arm:
    """One training, or none.

    Attributes:
        name: as in the table.
        recipe: its page's name, without `.py`.
        arguments: of the recipe, without `data` and `seed`; `"{train}"` in a string becomes the folder of training
            clips, `"{other}"` the run folder of the arm `other`, which must stand before this one.
        data: the training clips, in the same way.
        trained: False measures the model as it is drawn.
        seeds: one training each; the table has their mean, and their range.
    """

    name: str
    recipe: str
    arguments: Mapping[str, Argument] = field(default_factory=dict)
    data: str = "{train}"
    trained: bool = True
    seeds: tuple[int, ...] = (0,)


@dataclass(frozen=True, kw_only=True)
class Proof:
    """One file of `benchmarks/proofs` has one, called PROOF.

    Attributes:
        family: as in the table: contrast, synchrony, clustering, cycle, correspondence, generation.
        objective: the class's name.
        paper: authors and year.
        file: of the objective, below `mmssl/objectives`.
        hook: what it uses of `Objective` beside `forward`: after_step, refresh, heat, ...; "-" for nothing.
        arms: the first is the objective itself, unless a later one needs another's run.
        numbers: the names to show, of those that `measured_by` gives; `NAME/chance` is shown where there is one.
        says: what the numbers must show, in one sentence.
        films: the world.
        measured_by: `evaluated` unless another evaluation is meant.
    """

    family: str
    objective: str
    paper: str
    file: str
    hook: str
    arms: tuple[Arm, ...]
    numbers: tuple[str, ...]
    says: str
    films: Films = WORLD
    measured_by: Measure = evaluated
