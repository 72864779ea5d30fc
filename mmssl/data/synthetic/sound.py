"""What is heard: pitch from color, octave and decay from size, timbre from kind, rhythm from motion.

All of it is computed from formulas of time at the moments of the samples, so an onset lies on the first sample after
its contact whatever the frame rate, and sound from before the clip's start rings into it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmssl.data.synthetic.world import COLORS, SIZES, Scene, Thing

Sound = NDArray[np.float32]
LOWEST = 300.0  # Hz, of a large red object
TAIL = 0.9  # seconds after which a stroke has died away
ATTACK = 0.001  # seconds


@dataclass(frozen=True)
class Voice:
    """The timbre of one kind.

    Attributes:
        partials: (multiple of the fundamental, amplitude).
        decay: seconds to 1/e of a stroke of a medium object.
        noise: share of hiss.
        glide: by which multiple the pitch starts higher.
        vibrato: depth of the pitch's wave at 7 Hz.
        tremolo: depth of the loudness's wave at 16 Hz.
        echo: seconds after which a stroke is repeated; 0 for never.
    """

    partials: tuple[tuple[float, float], ...]
    decay: float
    noise: float = 0.0
    glide: float = 0.0
    vibrato: float = 0.0
    tremolo: float = 0.0
    echo: float = 0.0


VOICES: dict[str, Voice] = {
    "circle": Voice(((1, 1.0), (2, 0.2)), 0.30),
    "square": Voice(((1, 0.8), (3, 0.6), (5, 0.45), (7, 0.35)), 0.22),
    "triangle": Voice(((1, 0.7), (2.76, 0.8), (5.4, 0.6)), 0.40),
    "star": Voice(((1, 0.35), (4, 0.7), (5, 0.7), (6, 0.7)), 0.32, tremolo=0.9),
    "cross": Voice(((1, 0.7),), 0.14, noise=0.7),
    "ring": Voice(((1, 0.8), (2, 0.6), (3, 0.5)), 0.35, vibrato=0.07),
    "heart": Voice(((1, 1.0), (1.5, 0.8)), 0.10, echo=0.16),
    "crescent": Voice(((1, 1.0), (2, 0.5)), 0.30, glide=0.8),
}
_DECAY = {"small": 0.75, "medium": 1.0, "large": 1.4}


def pitch(thing: Thing) -> float:
    """Fundamental in Hz: eight colors share an octave, each size is an octave of its own, large ones lowest."""
    octave = len(SIZES) - 1 - tuple(SIZES).index(thing.size)
    step = tuple(COLORS).index(thing.color) + 0.2 * thing.shade
    return float(LOWEST * 2 ** (octave + step / len(COLORS)))


def _tone(voice: Voice, cycles: NDArray[np.float64], frequency: float, sample_rate: int) -> Sound:
    """Partials below the highest frequency that the sample rate holds, of a fundamental that has made `cycles`."""
    tone = np.zeros(cycles.shape, np.float32)
    for multiple, amplitude in voice.partials:
        if multiple * frequency < 0.45 * sample_rate:
            turn = cycles * multiple
            turn -= np.floor(turn)  # before single precision
            tone += np.float32(amplitude) * np.sin(turn.astype(np.float32) * np.float32(2 * np.pi))
    return tone


def _stroke(thing: Thing, after: NDArray[np.float64], hiss: Sound, sample_rate: int) -> Sound:
    """One stroke, `after` seconds from its contact (all at least 0)."""
    voice, frequency = VOICES[thing.kind], pitch(thing)
    fading = voice.decay * _DECAY[thing.size]
    cycles = frequency * after
    if voice.glide:
        fall = fading / 2
        cycles = cycles + frequency * voice.glide * fall * (1 - np.exp(-after / fall))
    if voice.vibrato:
        cycles = cycles + frequency * voice.vibrato / (2 * np.pi * 7) * (1 - np.cos(2 * np.pi * 7 * after))
    sound = _tone(voice, cycles, frequency, sample_rate) + np.float32(voice.noise) * hiss
    time = after.astype(np.float32)
    envelope = np.exp(time * np.float32(-1 / fading)) * np.minimum(time * np.float32(1 / ATTACK), 1)
    if voice.tremolo:
        envelope *= 1 - np.float32(voice.tremolo / 2) * (1 - np.cos(time * np.float32(2 * np.pi * 16)))
    stroke: Sound = sound * envelope
    return stroke


def _strokes(thing: Thing, start: float, samples: int, sample_rate: int, rng: np.random.Generator) -> Sound:
    voice = VOICES[thing.kind]
    contacts = thing.motion.events(start - TAIL, start + samples / sample_rate)
    forces = thing.motion.force(contacts)
    if voice.echo:
        contacts, forces = np.concatenate([contacts, contacts + voice.echo]), np.tile(forces, 2)
        order = np.argsort(contacts, kind="stable")
        contacts, forces = contacts[order], forces[order]
    length = int(TAIL * sample_rate)
    sound = np.zeros(samples + 2 * length, np.float32)
    hiss = rng.standard_normal(length, np.float32)
    for contact, force in zip(contacts, forces, strict=True):
        first = int(np.ceil((contact - start) * sample_rate))
        if first < samples:
            after = (np.arange(length) + first) / sample_rate - (contact - start)
            sound[first + length : first + 2 * length] += np.float32(force) * _stroke(thing, after, hiss, sample_rate)
    return sound[length : length + samples]


def _hum(thing: Thing, start: float, samples: int, sample_rate: int, rng: np.random.Generator) -> Sound:
    voice, frequency = VOICES[thing.kind], pitch(thing)
    times = start + np.arange(samples) / sample_rate
    turn = thing.motion.turn(times)
    loudness = thing.motion.loudness(times).astype(np.float32)
    cycles = frequency * times
    if voice.glide:
        # The pitch is highest when the object is, so to say, too.
        cycles = cycles + frequency * voice.glide / 4 * thing.motion.period * np.sin(2 * np.pi * turn) / (2 * np.pi)
    if voice.vibrato:
        cycles = cycles + frequency * voice.vibrato / (2 * np.pi * 7) * (1 - np.cos(2 * np.pi * 7 * times))
    sound = _tone(voice, cycles, frequency, sample_rate)
    if voice.noise:
        sound += np.float32(voice.noise) * rng.standard_normal(samples, np.float32)
    wave = voice.tremolo or (0.5 if voice.echo else 0.0)
    if wave:
        rate = 16 if voice.tremolo else 1 / voice.echo
        loudness *= 1 - np.float32(wave / 2) * (1 - np.cos(2 * np.pi * rate * times)).astype(np.float32)
    return sound * loudness


def _background(samples: int, color: float, rng: np.random.Generator) -> Sound:
    """Noise of root mean square 1 whose power falls with frequency to the power `color` above 50 Hz."""
    spectrum = np.fft.rfft(rng.standard_normal(samples, np.float32))
    bins = np.arange(len(spectrum)) + 1.0
    noise = np.fft.irfft(spectrum * np.maximum(bins, len(bins) / 160) ** (-color / 2), samples)
    hum: Sound = (noise / np.sqrt(np.mean(noise**2))).astype(np.float32)
    return hum


def sound(scene: Scene, sample_rate: int) -> Sound:
    """`[seconds * sample_rate]` what is heard, in [-1, 1]; its root mean square is the scene's gain and nothing else's.

    Sample n is of second `n / sample_rate - scene.mix.offset` of the world.
    """
    samples = round(scene.seconds * sample_rate)
    start = -scene.mix.offset
    rng = scene.generator(1)
    mixed = np.zeros(samples, np.float32)
    for thing in (thing for thing in scene.things if thing.sounding):
        make = _strokes if thing.motion.contacts else _hum
        part = make(thing, start, samples, sample_rate, rng)
        mixed += np.float32(thing.loudness / max(1e-6, float(np.sqrt(np.mean(part**2))))) * part
    level = float(np.sqrt(np.mean(mixed**2)))
    mixed += np.float32(level * 10 ** (scene.mix.noise / 20)) * _background(samples, scene.mix.noise_color, rng)
    gain = 10 ** (scene.mix.gain / 20) / float(np.sqrt(np.mean(mixed**2)))
    # A peak beyond full scale is rounded off, never answered by turning the whole clip down.
    full: Sound = np.tanh(mixed * np.float32(gain)).astype(np.float32)
    return full
