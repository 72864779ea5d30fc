"""French: sizes before the noun, colors after it, both agree in gender; the article is elided before a vowel."""

from mmssl.data.synthetic.words.language import Language, Noun

NOUNS = {
    "circle": (Noun("cercle", "m"), Noun("ballon", "m"), Noun("disque", "m")),
    "square": (Noun("carré", "m"),),
    "triangle": (Noun("triangle", "m"),),
    "star": (Noun("étoile", "f"),),
    "cross": (Noun("croix", "f"),),
    "ring": (Noun("anneau", "m"), Noun("cerceau", "m")),
    "heart": (Noun("cœur", "m"),),
    "crescent": (Noun("croissant", "m"), Noun("lune", "f")),
}
COLORS = {  # masculine, feminine
    "red": ("rouge", "rouge"),
    "orange": ("orange", "orange"),
    "yellow": ("jaune", "jaune"),
    "green": ("vert", "verte"),
    "turquoise": ("turquoise", "turquoise"),
    "blue": ("bleu", "bleue"),
    "purple": ("violet", "violette"),
    "pink": ("rose", "rose"),
}
BEFORE = {"small": ("petit", "petite"), "large": ("grand", "grande")}
AFTER = {"medium": "de taille moyenne"}
ACTIONS = {
    "bounce": ("rebondit sur le sol", "saute sans arrêt sur le sol"),
    "slide": ("glisse de gauche à droite", "va et vient entre deux murs"),
    "strike": ("frappe un bloc", "tape sur un bloc"),
    "hop": ("saute, plane et retombe", "s'élève puis retombe"),
    "spin": ("tourne sur place", "tourne comme une toupie"),
    "pulse": ("grandit et rétrécit", "bat en rythme"),
    "orbit": ("se déplace en rond", "décrit des cercles"),
    "rest": ("ne bouge pas", "reste sur place"),
    "drift": ("dérive lentement", "avance sans bruit"),
    "climb": ("monte, se retourne et touche le plafond", "s'élève jusqu'au plafond"),
    "cross": ("traverse d'un mur à l'autre et rétrécit", "avance jusqu'au mur de droite"),
    "dribble": ("rebondit à contretemps", "rebondit à un rythme irrégulier"),
}


def phrase(noun: Noun, color: str, size: str | None, *, definite: bool, accusative: bool) -> str:
    """Une grande étoile rouge."""
    feminine = noun.gender == "f"
    words = [BEFORE[size][feminine]] if size in BEFORE else []
    words += [noun.text, COLORS[color][feminine]] + ([AFTER[size]] if size in AFTER else [])
    if not definite:
        return " ".join(["une" if feminine else "un", *words])
    if words[0][0] in "aeiouéè":
        return "l'" + " ".join(words)
    return " ".join(["la" if feminine else "le", *words])


FRENCH = Language(
    code="fr",
    nouns=NOUNS,
    actions=ACTIONS,
    phrase=phrase,
    sentences=("{subject} {action}", "on entend {object} qui {action}", "voici {object} qui {action}"),
    joined=(", pendant que {subject} {action}", " et {subject} {action}"),
    unseen=", et un autre son vient de l'extérieur",
    moments=("{subject} {action}", "maintenant {subject} {action}", "regarde, {subject} {action}"),
)
