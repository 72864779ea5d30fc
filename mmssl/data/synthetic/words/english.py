"""English."""

from mmssl.data.synthetic.words.language import Language, Noun

NOUNS = {
    "circle": (Noun("circle"), Noun("ball"), Noun("disk")),
    "square": (Noun("square"), Noun("box")),
    "triangle": (Noun("triangle"),),
    "star": (Noun("star"),),
    "cross": (Noun("cross"), Noun("plus sign")),
    "ring": (Noun("ring"), Noun("hoop")),
    "heart": (Noun("heart"),),
    "crescent": (Noun("crescent"), Noun("moon")),
}
SIZES = {"small": ("small", "little"), "medium": ("medium-sized", "medium-sized"), "large": ("large", "big")}
ACTIONS = {
    "bounce": ("bounces on the floor", "is bouncing", "is bouncing up and down"),
    "slide": ("slides back and forth", "is sliding from wall to wall", "is sliding between two walls"),
    "strike": ("strikes a block", "is hitting a block", "is hammering on a block"),
    "hop": ("hops, hovers and lands", "is hopping", "is hopping up and landing"),
    "spin": ("spins around", "is spinning", "is spinning on the spot"),
    "pulse": ("pulses", "is pulsing", "is growing and shrinking"),
    "orbit": ("moves in circles", "is circling", "is circling round and round"),
    "rest": ("stays still", "is resting", "is resting silently"),
    "drift": ("drifts slowly", "is drifting", "is drifting silently"),
    "climb": ("climbs, turns over and touches the ceiling", "is rising to the ceiling"),
    "cross": ("crosses from wall to wall and shrinks", "is moving across to the right wall"),
    "dribble": ("dribbles out of time", "is being dribbled out of time"),
}


def phrase(noun: Noun, color: str, size: str | None, *, definite: bool, accusative: bool) -> str:
    """A large red star; no color or size begins with a vowel but orange."""
    # Which of two words for a size is said hangs on the noun, so that both occur.
    words = [] if size is None else [SIZES[size][len(noun.text) % 2]]
    words += [color, noun.text]
    article = "the" if definite else "an" if words[0][0] in "aeiou" else "a"
    return " ".join([article, *words])


ENGLISH = Language(
    code="en",
    nouns=NOUNS,
    actions=ACTIONS,
    phrase=phrase,
    sentences=(
        "{subject} {action}",
        "{subject} {action}",
        "the sound of {object} that {action}",
        "we hear how {subject} {action}",
    ),
    joined=(", while {subject} {action}", " and {subject} {action}", ", next to it {subject} {action}"),
    unseen=", and something else sounds off screen",
    moments=("now {subject} {action}", "look, {subject} {action}", "and here {subject} {action}", "{subject} {action}"),
)
