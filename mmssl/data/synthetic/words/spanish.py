"""Spanish: adjectives follow the noun and agree in gender."""

from mmssl.data.synthetic.words.language import Language, Noun

NOUNS = {
    "circle": (Noun("círculo", "m"), Noun("disco", "m"), Noun("pelota", "f")),
    "square": (Noun("cuadrado", "m"),),
    "triangle": (Noun("triángulo", "m"),),
    "star": (Noun("estrella", "f"),),
    "cross": (Noun("cruz", "f"),),
    "ring": (Noun("anillo", "m"), Noun("aro", "m")),
    "heart": (Noun("corazón", "m"),),
    "crescent": (Noun("media luna", "f"),),
}
COLORS = {  # masculine, feminine
    "red": ("rojo", "roja"),
    "orange": ("naranja", "naranja"),
    "yellow": ("amarillo", "amarilla"),
    "green": ("verde", "verde"),
    "turquoise": ("turquesa", "turquesa"),
    "blue": ("azul", "azul"),
    "purple": ("morado", "morada"),
    "pink": ("rosa", "rosa"),
}
SIZES = {"small": ("pequeño", "pequeña"), "medium": ("mediano", "mediana"), "large": ("grande", "grande")}
ACTIONS = {  # said of masculine and feminine nouns alike, so nothing that agrees in gender
    "bounce": ("rebota en el suelo", "bota una y otra vez"),
    "slide": ("se desliza de lado a lado", "va y viene entre dos paredes"),
    "strike": ("golpea un bloque", "da golpes contra un bloque"),
    "hop": ("salta, flota y cae", "sube y vuelve a caer"),
    "spin": ("gira sin parar", "da vueltas en su sitio"),
    "pulse": ("crece y se encoge", "late con ritmo"),
    "orbit": ("se mueve en círculos", "da vueltas en círculo"),
    "rest": ("no se mueve", "sigue en su sitio"),
    "drift": ("avanza despacio", "flota lentamente"),
    "climb": ("sube, se da la vuelta y toca el techo", "asciende hasta el techo"),
    "cross": ("cruza de pared a pared y se encoge", "avanza hasta la pared derecha"),
    "dribble": ("bota a destiempo", "está botando a un ritmo irregular"),
}


def phrase(noun: Noun, color: str, size: str | None, *, definite: bool, accusative: bool) -> str:
    """Una estrella roja grande."""
    feminine = noun.gender == "f"
    words = [noun.text, COLORS[color][feminine]] + ([] if size is None else [SIZES[size][feminine]])
    articles = ("el", "la") if definite else ("un", "una")
    return " ".join([articles[feminine], *words])


SPANISH = Language(
    code="es",
    nouns=NOUNS,
    actions=ACTIONS,
    phrase=phrase,
    sentences=("{subject} {action}", "se oye {object} que {action}", "aquí {subject} {action}"),
    joined=(", mientras {subject} {action}", " y {subject} {action}"),
    unseen=", y otro sonido viene de fuera",
    moments=("{subject} {action}", "ahora {subject} {action}", "mira, {subject} {action}"),
)
