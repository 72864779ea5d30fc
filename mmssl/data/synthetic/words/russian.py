"""Russian: no articles; adjectives agree in gender, and the accusative differs for feminine nouns alone."""

from mmssl.data.synthetic.words.language import Language, Noun

NOUNS = {
    "circle": (Noun("круг", "m"), Noun("мяч", "m"), Noun("диск", "m")),
    "square": (Noun("квадрат", "m"),),
    "triangle": (Noun("треугольник", "m"),),
    "star": (Noun("звезда", "f", "звезду"),),
    "cross": (Noun("крест", "m"),),
    "ring": (Noun("кольцо", "n"), Noun("обруч", "m")),
    "heart": (Noun("сердце", "n"),),
    "crescent": (Noun("полумесяц", "m"), Noun("луна", "f", "луну")),
}
COLORS = {  # masculine, feminine, neuter, feminine accusative
    "red": ("красный", "красная", "красное", "красную"),
    "orange": ("оранжевый", "оранжевая", "оранжевое", "оранжевую"),
    "yellow": ("жёлтый", "жёлтая", "жёлтое", "жёлтую"),
    "green": ("зелёный", "зелёная", "зелёное", "зелёную"),
    "turquoise": ("бирюзовый", "бирюзовая", "бирюзовое", "бирюзовую"),
    "blue": ("синий", "синяя", "синее", "синюю"),
    "purple": ("фиолетовый", "фиолетовая", "фиолетовое", "фиолетовую"),
    "pink": ("розовый", "розовая", "розовое", "розовую"),
}
SIZES = {
    "small": ("маленький", "маленькая", "маленькое", "маленькую"),
    "medium": ("средний", "средняя", "среднее", "среднюю"),
    "large": ("большой", "большая", "большое", "большую"),
}
ACTIONS = {
    "bounce": ("прыгает по полу", "отскакивает от пола"),
    "slide": ("скользит туда и обратно", "катается между двумя стенами"),
    "strike": ("бьёт по блоку", "ударяет по блоку"),
    "hop": ("подпрыгивает, зависает и падает", "взлетает и приземляется"),
    "spin": ("вращается", "крутится на месте"),
    "pulse": ("пульсирует", "растёт и сжимается"),
    "orbit": ("движется по кругу", "летает кругами"),
    "rest": ("не движется", "остаётся на месте"),
    "drift": ("медленно плывёт", "тихо плывёт мимо"),
    "climb": ("поднимается, переворачивается и касается потолка", "поднимается до потолка"),
    "cross": ("движется от стены к стене и уменьшается", "движется к правой стене"),
    "dribble": ("неровно отскакивает от пола", "отбивает неровный ритм"),
}


def phrase(noun: Noun, color: str, size: str | None, *, definite: bool, accusative: bool) -> str:
    """Большую красную звезду; a definite one is said with the demonstrative."""
    form = "mfn".index(noun.gender)
    if accusative and noun.gender == "f":
        form = 3
    words = ([("этот", "эта", "это", "эту")[form]] if definite else []) + ([] if size is None else [SIZES[size][form]])
    return " ".join([*words, COLORS[color][form], noun.accusative if form == 3 else noun.text])


RUSSIAN = Language(
    code="ru",
    nouns=NOUNS,
    actions=ACTIONS,
    phrase=phrase,
    sentences=("{subject} {action}", "слышно, как {subject} {action}", "мы видим и слышим {object}"),
    joined=(", а {subject} {action}", " и {subject} {action}"),
    unseen=", и ещё что-то звучит за кадром",
    moments=("{subject} {action}", "сейчас {subject} {action}", "смотри, {subject} {action}"),
)
