"""What is heard: onsets at contacts, pitch and timbre from looks, and nothing that gives the answer away."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mmssl.data.synthetic.difficulty import Difficulty, easy
from mmssl.data.synthetic.motion.placing import place
from mmssl.data.synthetic.sound import VOICES, pitch, sound
from mmssl.data.synthetic.world import COLORS, KINDS, SIZES, Scene, scene, unlinked

RATE = 16_000
Film = Any


def _alone(number: int, **thing: Any) -> Scene:
    """An easy scene with some attributes of its only object set."""
    drawn = scene(0, "train", number, easy())
    return replace(drawn, things=(replace(drawn.things[0], **thing),), mix=replace(drawn.mix, noise=-90.0))


def _struck(number: int, **thing: Any) -> Scene:
    motion = place("hop", np.random.default_rng(number), "circle", 0.14, 4.0)
    return _alone(number, motion=motion, **thing)


def _energy(heard: NDArray[np.float32]) -> NDArray[np.float64]:
    """Power of the differences, over 2 ms."""
    power: NDArray[np.float64] = np.convolve(np.diff(heard.astype(np.float64)) ** 2, np.ones(32) / 32, "same")
    return power


def test_onsets_in_the_file_are_at_the_contacts(films: list[Film]) -> None:
    found = 0
    for film in films:
        if sum(track.sounding for track in film.truth.objects) > 1:
            continue
        energy = _energy(film.sound)
        for event in film.truth.objects[film.truth.main].events:
            first = round(event * RATE)
            if not 1600 < first < len(energy) - 1600:
                continue
            window = energy[first - 800 : first + 800]
            quiet = window[:600].mean()
            onset = int(np.argmax(window > quiet + 0.5 * (window[800:1200].max() - quiet))) - 800
            assert abs(onset) / RATE < 0.010, (film.truth.split, film.truth.scene, event)
            found += 1
    assert found > 10


def test_before_encoding_the_onset_is_on_the_sample() -> None:
    drawn = _struck(1, kind="circle")
    heard = sound(drawn, RATE)
    for event in drawn.things[0].motion.events(0.3, 3.7):
        first = int(np.ceil(event * RATE))
        before, after = np.diff(heard[first - 40 : first - 1]), np.diff(heard[first : first + 40])
        assert np.abs(after).max() > 5 * np.abs(before).max()


def test_sound_and_picture_cover_the_same_time(films: list[Film]) -> None:
    for film in films:
        video, audio = film.info.video, film.info.audio
        assert (video.start, audio.start) == (pytest.approx(0, abs=1e-6), pytest.approx(0, abs=1e-6))
        assert (video.duration, audio.duration) == (pytest.approx(4, abs=0.01), pytest.approx(4, abs=0.07))
        assert len(film.frames) == 100
        # Neither end is silent, so a clip's boundary is like any other moment.
        assert np.abs(film.sound[:160]).max() > 0
        assert np.abs(film.sound[-160:]).max() > 0


@pytest.mark.parametrize("color", COLORS)
def test_pitch_is_the_color_and_the_octave_the_size(color: str) -> None:
    for octave, size in enumerate(reversed(SIZES)):
        motion = place("spin", np.random.default_rng(0), "circle", 0.14, 4.0)
        drawn = _alone(2, kind="circle", color=color, size=size, shade=0.0, motion=motion)
        spectrum = np.abs(np.fft.rfft(sound(drawn, RATE)))
        loudest = float(np.argmax(spectrum)) / 4
        expected = 300 * 2 ** (octave + list(COLORS).index(color) / 8)
        assert loudest == pytest.approx(expected, rel=0.01)
        assert pitch(drawn.things[0]) == pytest.approx(expected)


def test_every_kind_has_a_timbre_of_its_own() -> None:
    assert set(VOICES) == set(KINDS)
    spectra = {}
    for kind in KINDS:
        heard = sound(_struck(3, kind=kind, color="green", size="medium"), RATE)
        blocks = np.log(np.abs(np.fft.rfft(heard[: 400 * 160].reshape(160, 400))) + 1e-3)
        spectra[kind] = (blocks - blocks.mean()).ravel()
    for kind in KINDS:
        for other in KINDS:
            if kind < other:
                assert np.corrcoef(spectra[kind], spectra[other])[0, 1] < 0.95, (kind, other)


def test_loudness_is_drawn_and_nothing_else() -> None:
    scenes = [scene(0, "train", number, Difficulty()) for number in range(40)]
    for drawn in scenes[:12]:
        level = 20 * np.log10(np.sqrt(np.mean(sound(drawn, RATE).astype(np.float64) ** 2)))
        assert level == pytest.approx(drawn.mix.gain, abs=0.5)
    assert max(s.mix.gain for s in scenes) - min(s.mix.gain for s in scenes) > 6


def test_an_offset_moves_the_sound_by_exactly_that() -> None:
    drawn = _struck(4, kind="heart")
    still, moved = sound(drawn, RATE), sound(replace(drawn, mix=replace(drawn.mix, offset=0.25)), RATE)
    shift = round(0.25 * RATE)
    assert np.corrcoef(still[:-shift], moved[shift:])[0, 1] > 0.999
    assert np.abs(moved[:shift]).max() > 0.01 or not len(drawn.things[0].motion.events(-0.8, 0.0))
    drifting = [scene(0, "train", n, Difficulty(max_offset=0.5)).mix.offset for n in range(40)]
    assert -0.5 <= min(drifting) < -0.3 < 0.3 < max(drifting) <= 0.5


def test_contacts_prefer_no_place_in_the_clip_or_between_two_frames() -> None:
    contacts = []
    for number in range(400):
        drawn = scene(0, "train", number, Difficulty())
        contacts += drawn.things[drawn.main].motion.events(0.0, 4.0).tolist()
    assert len(contacts) > 600
    for unit in (1 / 25, 0.5, 4.0):
        places = np.bincount((np.array(contacts) / unit % 1 * 8).astype(int), minlength=8) / len(contacts)
        assert places.min() > 0.125 * 0.7
        assert places.max() < 0.125 * 1.3


def test_an_unlinked_world_keeps_all_but_the_link() -> None:
    for number in range(5):
        drawn = scene(0, "train", number, Difficulty(linked=False))
        other = unlinked(drawn)
        assert (other.mix, other.key, other.camera) == (drawn.mix, drawn.key, drawn.camera)
        assert other.things != drawn.things
        heard, wrong = sound(drawn, RATE), sound(other, RATE)
        assert abs(np.corrcoef(heard, wrong)[0, 1]) < 0.5
