"""Captions: six languages, agreement, times of the narration."""

import numpy as np
import pytest

from mmssl.data.synthetic.captions import LANGUAGES, captions
from mmssl.data.synthetic.difficulty import Difficulty, hard
from mmssl.data.synthetic.motion.placing import ACTING, SILENT, SOUNDING, UNEVEN
from mmssl.data.synthetic.words.chinese import CHINESE
from mmssl.data.synthetic.words.english import ENGLISH
from mmssl.data.synthetic.words.french import FRENCH
from mmssl.data.synthetic.words.german import GERMAN
from mmssl.data.synthetic.words.language import Language, Seen, describe
from mmssl.data.synthetic.words.russian import RUSSIAN
from mmssl.data.synthetic.words.spanish import SPANISH
from mmssl.data.synthetic.world import COLORS, KINDS, SIZES, scene

PHRASES = [
    (ENGLISH, "star", "orange", None, False, False, "an orange star"),
    (ENGLISH, "heart", "red", "large", False, False, "a big red heart"),
    (GERMAN, "star", "red", "large", False, True, "einen großen roten Stern"),
    (GERMAN, "star", "red", "large", False, False, "ein großer roter Stern"),
    (GERMAN, "cross", "blue", "small", False, True, "ein kleines blaues Kreuz"),
    (GERMAN, "crescent", "purple", None, False, True, "eine violette Mondsichel"),
    (GERMAN, "ring", "pink", None, True, True, "den rosafarbenen Ring"),
    (GERMAN, "heart", "yellow", None, True, False, "das gelbe Herz"),
    (FRENCH, "star", "green", "large", False, False, "une grande étoile verte"),
    (FRENCH, "star", "blue", None, True, False, "l'étoile bleue"),
    (FRENCH, "ring", "purple", None, True, False, "l'anneau violet"),
    (FRENCH, "cross", "orange", "medium", False, False, "une croix orange de taille moyenne"),
    (FRENCH, "square", "green", "small", True, False, "le petit carré vert"),
    (SPANISH, "star", "red", "small", False, False, "una estrella roja pequeña"),
    (SPANISH, "circle", "yellow", "medium", False, False, "un círculo amarillo mediano"),
    (SPANISH, "cross", "purple", None, True, False, "la cruz morada"),
    (RUSSIAN, "star", "blue", "large", False, False, "большая синяя звезда"),
    (RUSSIAN, "star", "blue", "large", False, True, "большую синюю звезду"),
    (RUSSIAN, "ring", "red", "small", False, True, "маленькое красное кольцо"),
    (RUSSIAN, "heart", "green", None, True, False, "это зелёное сердце"),
    (RUSSIAN, "circle", "pink", "medium", False, True, "средний розовый круг"),
    (CHINESE, "star", "red", "large", False, False, "一颗红色的大星星"),
    (CHINESE, "ring", "blue", None, True, False, "那个蓝色的圆环"),
]


@pytest.mark.parametrize(("language", "kind", "color", "size", "definite", "accusative", "expected"), PHRASES)
def test_agreement(
    language: Language, kind: str, color: str, size: str | None, definite: bool, accusative: bool, expected: str
) -> None:
    noun = language.nouns[kind][0]
    assert language.phrase(noun, color, size, definite=definite, accusative=accusative) == expected


@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.code)
def test_everything_can_be_said(language: Language) -> None:
    rng = np.random.default_rng(0)
    said = set()
    for kind in KINDS:
        for color in COLORS:
            for size in SIZES:
                for motion in (*SOUNDING, *ACTING, *UNEVEN):
                    other = Seen(kind, color, size, str(rng.choice(list(SILENT))))
                    said.add(describe(language, Seen(kind, color, size, motion), [other], True, rng))
    assert len(said) > 900
    assert not any("{" in text or "  " in text or text != text.strip() for text in said)


def test_every_color_and_kind_is_told_apart() -> None:
    for language in LANGUAGES:
        for noun in (language.nouns[kind][0] for kind in KINDS):
            said = {language.phrase(noun, color, None, definite=False, accusative=False) for color in COLORS}
            assert len(said) == len(COLORS)
        assert len({language.nouns[kind][0].text for kind in KINDS}) == len(KINDS)


def test_captions_of_a_scene() -> None:
    drawn = scene(0, "train", 0, Difficulty(narration=3))
    said, moments = captions(drawn)
    assert [caption["language"] for caption in said] == ["en", "de", "fr", "es", "ru", "zh"] * 4
    assert all("start" not in caption for caption in said[:6])
    assert len(moments) == 3
    assert drawn.things[drawn.main].color in said[0]["text"]
    assert captions(drawn) == (said, moments)


def test_narration_drifts_as_far_as_it_says_and_stays_in_the_clip() -> None:
    for drift in (0.0, 1.0):
        drifts = []
        for number in range(60):
            drawn = scene(0, "train", number, Difficulty(drift=drift))
            for moment in captions(drawn)[1]:
                assert 0 <= moment["start"] < moment["end"] <= 4.001
                assert 0 <= moment["told_start"] < moment["told_end"] <= 4.001
                drifts.append(abs(moment["told_start"] - moment["start"]))
                thing = drawn.things[moment["object"]]
                assert thing.sounding
                contacts = thing.motion.events(moment["start"] - 1e-3, moment["end"] + 1e-3)
                assert len(contacts) or not thing.motion.contacts
        assert max(drifts) <= drift + 0.002
        assert drift == 0 or max(drifts) > 0.7
    assert not captions(scene(0, "train", 0, Difficulty(narration=0)))[1]
    assert len(captions(scene(0, "train", 0, hard()))[1]) == 4
