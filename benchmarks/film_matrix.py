"""The films that a decoder's clock is measured on, and what it takes to hold each."""

from dataclasses import replace
from fractions import Fraction
from itertools import product
from typing import Any

from benchmarks.films import Film

RATES = (Fraction(24000, 1001), Fraction(25), Fraction(30000, 1001), Fraction(60000, 1001))
UNEVEN = (33, 20, 90, 41)  # ms
SOUNDS = {
    "mp4": ("aac", "mp3", "opus", "flac", "alac"),
    "mov": ("aac", "pcm_s16le", "alac"),
    "mkv": ("aac", "mp3", "opus", "vorbis", "flac", "pcm_s16le"),
    "webm": ("opus", "vorbis"),
    "avi": ("pcm_s16le",),
    "ts": ("aac", "mp3", "mp2", "ac3"),
}
OPEN = frozenset({"libx265", "mpeg4", "mpeg2video"})  # encoders whose groups of pictures are open unless told otherwise
PICTURES = {"webm": "libvpx-vp9", "avi": "mpeg4"}


def films() -> list[Film]:
    """The matrix: each container with each sound, at each rate and start; then what else moves a clock."""
    plain = [
        Film(container=container, video=PICTURES.get(container, "libx264"), audio=audio)
        for container, sounds in SOUNDS.items()
        for audio in sounds
    ]
    starts: tuple[dict[str, Any], ...] = (
        {},
        {"audio_at": 0.5},
        {"video_at": 0.5},
        {"audio_at": 0.123},
        {"video_at": 0.123},
    )
    many = [
        replace(film, fps=fps, **start) for film, fps, start in product(plain, RATES, starts) if _valid(film, start)
    ]
    uneven = [
        replace(film, steps=UNEVEN, **start) for film, start in product(plain, starts) if _valid(film, start, True)
    ]
    mp4 = [film for film in plain if film.container in ("mp4", "mov")]
    hidden = [replace(film, hidden=hidden, fps=fps) for film, hidden, fps in product(mp4, (1, 10, 30), RATES[1:])]
    looks: list[dict[str, Any]] = [
        {"b_frames": 0},
        {"b_frames": 4, "gop": 250},
        {"open_gop": True},
        {"rate": 8_000, "layout": "mono"},
        {"rate": 44_100, "layout": "5.1"},
        {"video": "libx265"},
        {"video": "mpeg4"},
        {"muxer": (("movflags", "frag_keyframe+delay_moov"),)},
        {"muxer": (("movflags", "frag_keyframe+empty_moov"),)},
        {"muxer": (("movflags", "faststart"),)},
    ]
    special = [replace(Film(fps=fps), **look) for look, fps in product(looks, RATES[:3])]
    others = [
        Film(container="ts", video="mpeg2video", audio="mp2", fps=RATES[2]),
        Film(container="webm", video="libvpx", audio="vorbis"),
        Film(container="webm", video="libsvtav1", audio="opus"),
        Film(container="mkv", video="libsvtav1", audio="flac", audio_at=0.5),
        Film(container="avi", video="mpeg4", audio="mp3", rate=44_100),
        Film(container="ts", audio_at=4557.5, video_at=4557.0),
    ]
    return many + uneven + hidden + special + others


def _valid(film: Film, start: dict[str, float], uneven: bool = False) -> bool:
    # AVI has no field for a start, and one picture a tick.
    return film.container != "avi" or not (start or uneven)


def needs(film: Film) -> frozenset[str]:
    """The promises of `Capabilities` without which a film comes out wrong."""
    lacking = {
        "start_offsets": film.audio_at != film.video_at,
        # Decoders of Vorbis leave it out by themselves.
        "priming": film.lossy
        and film.audio != "vorbis"
        and (film.container in ("mkv", "webm") or any("frag" in value for _, value in film.muxer)),
        "avi": film.container == "avi" and film.b_frames > 0,
        "transport_streams": film.container == "ts",
        "edit_lists": film.hidden > 0,
        "open_gops": film.open_gop or (film.video in OPEN and film.b_frames > 0 and film.container != "avi"),
    }
    return frozenset(name for name, needed in lacking.items() if needed)


def limited(film: Film) -> bool:
    """Whether the container itself does not tell where the sound is: AVI does not say how much of it is priming."""
    return film.container == "avi" and film.lossy
