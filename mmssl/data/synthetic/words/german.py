"""German: adjectives agree in gender and case, also with the article."""

from mmssl.data.synthetic.words.language import Language, Noun

NOUNS = {
    "circle": (Noun("Kreis", "m"), Noun("Ball", "m"), Noun("Scheibe", "f")),
    "square": (Noun("Quadrat", "n"), Noun("Viereck", "n")),
    "triangle": (Noun("Dreieck", "n"),),
    "star": (Noun("Stern", "m"),),
    "cross": (Noun("Kreuz", "n"),),
    "ring": (Noun("Ring", "m"), Noun("Reifen", "m")),
    "heart": (Noun("Herz", "n"),),
    "crescent": (Noun("Mondsichel", "f"), Noun("Halbmond", "m")),
}
COLORS = {
    "red": "rot",
    "orange": "orangefarben",
    "yellow": "gelb",
    "green": "grün",
    "turquoise": "türkisfarben",
    "blue": "blau",
    "purple": "violett",
    "pink": "rosafarben",
}
SIZES = {"small": "klein", "medium": "mittelgroß", "large": "groß"}
ACTIONS = {
    "bounce": ("hüpft auf dem Boden", "springt auf und ab", "prallt immer wieder vom Boden ab"),
    "slide": ("gleitet hin und her", "rutscht von Wand zu Wand"),
    "strike": ("schlägt gegen einen Block", "hämmert auf einen Block"),
    "hop": ("springt hoch, schwebt und landet", "hebt ab und fällt zurück"),
    "spin": ("dreht sich", "dreht sich um sich selbst"),
    "pulse": ("pulsiert", "wird größer und kleiner"),
    "orbit": ("bewegt sich im Kreis", "fliegt immer im Kreis herum"),
    "rest": ("bewegt sich nicht", "ruht still"),
    "drift": ("treibt langsam dahin", "schwebt lautlos vorbei"),
    "climb": ("steigt auf, dreht sich um und stößt an die Decke", "steigt bis zur Decke"),
    "cross": ("wandert von Wand zu Wand und schrumpft", "wandert zur rechten Wand hinüber"),
    "dribble": ("prellt in ungleichem Takt auf den Boden", "wird ungleichmäßig geprellt"),
}
# (article, ending of the adjective) by gender, for the nominative and the accusative.
INDEFINITE = {
    False: {"m": ("ein", "er"), "n": ("ein", "es"), "f": ("eine", "e")},
    True: {"m": ("einen", "en"), "n": ("ein", "es"), "f": ("eine", "e")},
}
DEFINITE = {
    False: {"m": ("der", "e"), "n": ("das", "e"), "f": ("die", "e")},
    True: {"m": ("den", "en"), "n": ("das", "e"), "f": ("die", "e")},
}


def phrase(noun: Noun, color: str, size: str | None, *, definite: bool, accusative: bool) -> str:
    """Einen großen roten Stern."""
    article, ending = (DEFINITE if definite else INDEFINITE)[accusative][noun.gender]
    adjectives = ([] if size is None else [SIZES[size]]) + [COLORS[color]]
    return " ".join([article, *(adjective + ending for adjective in adjectives), noun.text])


GERMAN = Language(
    code="de",
    nouns=NOUNS,
    actions=ACTIONS,
    phrase=phrase,
    sentences=("{subject} {action}", "man sieht und hört {object}", "{subject} tönt und {action}"),
    joined=(", und {subject} {action}", "; {subject} {action}"),
    unseen=", und etwas anderes tönt außerhalb des Bildes",
    moments=("{subject} {action}", "schau, {subject} {action}", "und {subject} {action}"),
)
