"""`Difficulty`, how hard the world is."""

from dataclasses import asdict, dataclass
from typing import Any

from mmssl.data.synthetic.motion.placing import MOTIONS
from mmssl.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class Difficulty:
    """Ranges from which each scene is drawn; the defaults are what `make quickstart` learns in about a minute.

    Attributes:
        objects: fewest and most objects in the picture, 1 to 4.
        sounding: most of them that sound, 1 to 4; the others look as if they could, but do not move in step.
        offscreen: share of clips with a sound that comes from outside the picture.
        noise: least and most background noise, decibels relative to the rest of the sound.
        jitter: amplitude of the camera's shake, as a share of the picture's side.
        contrast: of the background's texture, 0 to 1.
        narration: captions with times in each language; they name what sounds at that moment.
        drift: seconds by which the times of a narration are wrong at most, as in instructional videos.
        max_offset: seconds by which the sound is moved against the picture at most; the truth tells by how much.
        linked: False gives every picture the sound of another scene. All that is not the link between sight and
            sound (codec, clip boundaries, loudness, frame grid) stays, so a model trained on it must stay at chance.
        motions: what sounds does "cycles", which repeat; "actions", one a clip from its begin to its end, in each stage
            at a speed of its own; or moves "uneven", which never repeats.
    """

    objects: tuple[int, int] = (1, 3)
    sounding: int = 1
    offscreen: float = 0.05
    noise: tuple[float, float] = (-36.0, -20.0)
    jitter: float = 0.012
    contrast: float = 0.3
    narration: int = 2
    drift: float = 1.0
    max_offset: float = 0.0
    linked: bool = True
    motions: str = "cycles"

    def __post_init__(self) -> None:
        checks = {
            "objects": 1 <= self.objects[0] <= self.objects[1] <= 4,
            "sounding": 1 <= self.sounding <= 4,
            "offscreen": 0 <= self.offscreen <= 1,
            "noise": self.noise[0] <= self.noise[1] <= 20,
            "jitter": 0 <= self.jitter <= 0.1,
            "contrast": 0 <= self.contrast <= 1,
            "narration": 0 <= self.narration <= 8,
            "drift": 0 <= self.drift <= 60,
            "max_offset": 0 <= self.max_offset <= 10,
            "motions": self.motions in MOTIONS,
        }
        for name, good in checks.items():
            if not good:
                raise UsageError(f"difficulty.{name} is {getattr(self, name)}, which is out of its range; see --help")

    @property
    def told_by_action(self) -> bool:
        """Whether a clip's label is its action; else it is the kind of what sounds."""
        return self.motions == "actions"

    def to_json(self) -> dict[str, Any]:
        """Its fields, lists for tuples, as JSON gives them back; without `motions`, which came later, if "cycles"."""
        fields = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}
        return {name: value for name, value in fields.items() if (name, value) != ("motions", "cycles")}


def easy() -> Difficulty:
    """One object on a calm background: for tests of what is learnt from it."""
    return Difficulty(objects=(1, 1), offscreen=0.0, noise=(-50.0, -40.0), jitter=0.004, contrast=0.15, drift=0.0)


def hard() -> Difficulty:
    """Crowded, shaky and noisy, with sounds from elsewhere in half of the clips."""
    return Difficulty(
        objects=(2, 4),
        sounding=2,
        offscreen=0.5,
        noise=(-20.0, -3.0),
        jitter=0.04,
        contrast=0.7,
        narration=4,
        drift=2.0,
    )


def actions() -> Difficulty:
    """One action a clip, done once, with at most one thing beside it: for the alignment of films in time.

    The camera is on a tripod: its shake is in all films alike, so frames that shake alike would answer each other.
    """
    return Difficulty(objects=(1, 1), offscreen=0.0, jitter=0.0, motions="actions")


def uneven() -> Difficulty:
    """One thing that is dribbled out of time, with at most one beside it: for synchronization.

    In the other worlds sounds repeat, often within half a second, and a sound fits the picture a period later as well.
    """
    return Difficulty(objects=(1, 2), offscreen=0.0, motions="uneven")


NAMED = {"easy": easy, "default": Difficulty, "hard": hard, "actions": actions, "uneven": uneven}


def named(name: str) -> Difficulty:
    """One of `NAMED`.

    Raises:
        UsageError: there is none of that name.
    """
    if name not in NAMED:
        raise UsageError(f"--difficulty {name} is unknown; choose one of {', '.join(NAMED)}")
    return NAMED[name]()
