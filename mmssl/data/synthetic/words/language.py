"""`Language`, what is needed to say what is in a scene: nouns, adjectives that agree with them, verbs, sentences."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np


@dataclass(frozen=True)
class Noun:
    """A word with its gender, "m", "f" or "n" ("" where the language has none).

    Attributes:
        accusative: where it differs from `text`.
    """

    text: str
    gender: str = ""
    accusative: str = ""


class Phrase(Protocol):
    """A noun phrase."""

    def __call__(self, noun: Noun, color: str, size: str | None, *, definite: bool, accusative: bool) -> str:
        """For example ("star", "red", "large") to "a large red star"; without the size when that is None."""
        ...


@dataclass(frozen=True)
class Language:
    """One language.

    Attributes:
        code: ISO 639-1.
        nouns: kind to its names, the first the plainest.
        actions: motion to ways of saying it, in the third person singular.
        phrase: makes a noun phrase of a noun and English names of color and size.
        sentences: with {subject} (nominative), {object} (accusative) and {action}.
        joined: appended for each further object, with {subject} and {action}.
        unseen: appended when something sounds outside the picture.
        moments: of a narration, with {subject} (definite) and {action}.
    """

    code: str
    nouns: Mapping[str, tuple[Noun, ...]]
    actions: Mapping[str, tuple[str, ...]]
    phrase: Phrase
    sentences: tuple[str, ...]
    joined: tuple[str, ...]
    unseen: str
    moments: tuple[str, ...]


@dataclass(frozen=True)
class Seen:
    """What is said of one object."""

    kind: str
    color: str
    size: str
    motion: str


def pick(rng: np.random.Generator, choices: tuple[str, ...]) -> str:
    """One of them."""
    return choices[rng.integers(len(choices))]


def clause(language: Language, seen: Seen, template: str, rng: np.random.Generator, *, definite: bool = False) -> str:
    """A template about one object; the size is left unsaid in one case of four, and always of definite ones."""
    nouns = language.nouns[seen.kind]
    noun = nouns[0] if rng.random() < 0.6 else nouns[rng.integers(len(nouns))]
    size = None if definite or rng.random() < 0.25 else seen.size
    nominative, accusative = (
        language.phrase(noun, seen.color, size, definite=definite, accusative=case) for case in (False, True)
    )
    action = pick(rng, language.actions[seen.motion])
    return template.format(subject=nominative, object=accusative, action=action)


def describe(language: Language, main: Seen, others: list[Seen], unseen: bool, rng: np.random.Generator) -> str:
    """A caption of a whole clip: what sounds, and in most cases what else is there."""
    text = clause(language, main, pick(rng, language.sentences), rng)
    for other in others:
        if rng.random() < 0.6:
            text += clause(language, other, pick(rng, language.joined), rng)
    if unseen and rng.random() < 0.5:
        text += language.unseen
    return text


def narrate(language: Language, seen: Seen, rng: np.random.Generator) -> str:
    """What is said at a moment."""
    return clause(language, seen, pick(rng, language.moments), rng, definite=True)
