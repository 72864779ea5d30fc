"""Captions of a scene: what all of it shows, and a narration whose times are told wrong by up to the drift."""

from typing import Any

import numpy as np

from mmssl.data.synthetic.words.chinese import CHINESE
from mmssl.data.synthetic.words.english import ENGLISH
from mmssl.data.synthetic.words.french import FRENCH
from mmssl.data.synthetic.words.german import GERMAN
from mmssl.data.synthetic.words.language import Seen, describe, narrate
from mmssl.data.synthetic.words.russian import RUSSIAN
from mmssl.data.synthetic.words.spanish import SPANISH
from mmssl.data.synthetic.world import Scene, Thing

LANGUAGES = (ENGLISH, GERMAN, FRENCH, SPANISH, RUSSIAN, CHINESE)
_SPOKEN = (0.8, 1.6)  # seconds that a sentence of the narration takes


def _seen(thing: Thing) -> Seen:
    return Seen(thing.kind, thing.color, thing.size, thing.motion.name)


def captions(scene: Scene) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """What is said of a scene, and what is true of its narration.

    Returns:
        Captions as in the `.json` beside a recording, one of the whole clip in each language first; and for each
        moment of the narration `{"object", "start", "end", "told_start", "told_end"}`: `told` is what captions say.
    """
    rng = scene.generator(3)
    visible = [thing for thing in scene.things if thing.visible]
    main = scene.things[scene.main]
    others = [_seen(thing) for thing in visible if thing is not main]
    unseen = len(visible) < len(scene.things)
    said: list[dict[str, Any]] = [
        {"text": describe(language, _seen(main), others, unseen, rng), "language": language.code}
        for language in LANGUAGES
    ]
    moments = sorted((_moment(scene, rng) for _ in range(scene.difficulty.narration)), key=lambda m: m["told_start"])
    for moment in moments:
        seen = _seen(scene.things[moment["object"]])
        times = {"start": moment["told_start"], "end": moment["told_end"]}
        said += [{"text": narrate(language, seen, rng), "language": language.code, **times} for language in LANGUAGES]
    return said, moments


def _moment(scene: Scene, rng: np.random.Generator) -> dict[str, Any]:
    """One sentence about something that sounds in the picture, near one of its contacts if it has any."""
    heard = [i for i, thing in enumerate(scene.things) if thing.sounding and thing.visible]
    number = heard[rng.integers(len(heard))]
    contacts = scene.things[number].motion.events(0.0, scene.seconds)
    length = min(float(rng.uniform(*_SPOKEN)), scene.seconds)
    middle = float(contacts[rng.integers(len(contacts))] if len(contacts) else rng.uniform(0, scene.seconds))
    latest = scene.seconds - length
    start = float(np.clip(middle - length / 2, 0, latest))
    told = float(np.clip(start + rng.uniform(-1, 1) * scene.difficulty.drift, 0, latest))
    times = {"start": start, "end": start + length, "told_start": told, "told_end": told + length}
    return {"object": number, **{name: round(time, 3) for name, time in times.items()}}
