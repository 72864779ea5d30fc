"""Picture and sound keep one clock: films whose flashes and beeps begin together, through each decoder.

The whole matrix is `python -m benchmarks.clock`, and `slow` here for the default decoder.
"""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.clock import PICTURE, READERS, Errors, errors, measure
from benchmarks.film_matrix import films, limited, needs
from benchmarks.films import Film, Made
from mmssl.data.clips import Clips
from mmssl.data.decode.decord import DecordReader
from mmssl.data.decode.pyav import PyAVReader
from mmssl.data.decode.reader import Reader
from mmssl.data.decode.torchcodec import TorchCodecReader
from mmssl.data.window import At
from mmssl.errors import MediaError, UsageError
from mmssl.objective import Objective
from mmssl.run import Run

MakeFilm = Callable[[Film], Made]
NTSC, CINEMA, FAST = Fraction(30000, 1001), Fraction(24000, 1001), Fraction(60000, 1001)
UNEVEN = (33, 20, 90, 41)
# One of each kind; each container, sound codec, rate and start is in one of them.
FEW = [
    Film(fps=CINEMA),
    Film(audio="mp3", fps=FAST, b_frames=0),
    Film(audio="opus", steps=UNEVEN, gop=250, audio_at=0.5),
    Film(audio="flac", fps=NTSC, video_at=0.5, open_gop=True),
    Film(fps=NTSC, open_gop=True),
    Film(hidden=10),
    Film(hidden=30, audio="opus", fps=NTSC, b_frames=4),
    Film(container="mov", audio="pcm_s16le", rate=44_100, audio_at=0.123),
    Film(container="mkv", audio="vorbis", fps=NTSC, audio_at=0.5),
    Film(container="mkv", steps=UNEVEN),
    Film(container="mkv", audio="mp3", rate=44_100, layout="mono", video_at=0.5),
    Film(container="webm", video="libvpx", audio="opus"),
    Film(container="avi", video="mpeg4", audio="pcm_s16le", fps=NTSC),
    Film(container="ts", audio="mp2"),
    Film(container="ts", audio_at=0.5),
    Film(container="ts", audio="mp3", fps=CINEMA, video_at=0.5),
    Film(muxer=(("movflags", "frag_keyframe+delay_moov"),)),
    Film(muxer=(("movflags", "frag_keyframe+empty_moov"),), audio="aac", rate=22_050),
]


_found: dict[tuple[str, bool, Film], Errors | None] = {}


def found(reader: Reader, made: Made) -> Errors | None:
    """None where the reader refuses the film; each is measured once."""
    asked = reader.name, getattr(reader, "tables", False), made.film
    if asked not in _found:
        try:
            _found[asked] = errors(reader, made)
        except MediaError:
            _found[asked] = None
    return _found[asked]


def faults(film: Film) -> pytest.MarkDecorator:
    """The entries of the fault list that a film is about."""
    about = {
        "A5": film.audio_at != film.video_at,
        "A6": film.lossy,
        "A7": bool(film.steps),
        "A8": film.b_frames > 0 or film.hidden > 0 or film.open_gop,
    }
    return pytest.mark.fault(*(name for name, holds in about.items() if holds))


@pytest.mark.parametrize("film", [pytest.param(film, id=str(film), marks=faults(film)) for film in FEW])
def test_a_promised_film_is_held(film: Film, made: MakeFilm, reader: Reader) -> None:
    promised = all(getattr(reader.capabilities, need) for need in needs(film))
    measured = found(reader, made(film))
    if promised:
        assert measured is not None
        assert measured.held, measured
    elif reader.capabilities.synchronous:
        # What it cannot show it must refuse, or nobody who needs synchrony may select it.
        assert measured is None or measured.held, measured


@pytest.mark.parametrize("name", ["start_offsets", "edit_lists", "open_gops", "priming", "avi", "transport_streams"])
def test_what_is_not_promised_is_really_lacking(name: str, made: MakeFilm, reader: Reader) -> None:
    if getattr(reader.capabilities, name):
        pytest.skip("promised")
    alone = [film for film in FEW if needs(film) == {name}]
    measured = [found(reader, made(film)) for film in alone]
    assert any(result is None or not result.held for result in measured)


@pytest.mark.fault("A6")
def test_what_a_container_does_not_tell_is_the_priming(made: MakeFilm) -> None:
    measured = errors(PyAVReader(), made(Film(container="avi", video="mpeg4", audio="mp3", rate=44_100)))
    assert measured.picture <= PICTURE
    assert measured.sound == pytest.approx(1105 / 44_100, abs=0.0005)  # LAME's delay and that of MP3 itself


# Decoders differ by a few gray levels in converting and scaling; containers round times to 1 ms, and each its own way.
# A beep that is half a sample off correlates by 0.96.
GRAY, SHIFT, ALIKE = 3.0, 0.001, 0.95


def likeness(one: NDArray[np.float32], other: NDArray[np.float32], shift: int) -> float:
    """The correlation of two sounds of which one may be shifted by some samples."""
    products = np.correlate(np.pad(one, shift), other, "valid")
    return float(products.max() / (np.linalg.norm(one) * np.linalg.norm(other)))


@pytest.mark.parametrize("film", [FEW[0], FEW[1], FEW[10], FEW[12]], ids=str)
def test_decoders_that_keep_their_promise_give_the_same_clip(film: Film, made: MakeFilm, reader: Reader) -> None:
    if not all(getattr(reader.capabilities, need) for need in needs(film)):
        pytest.skip(f"{reader.name} does not promise this film")
    written = made(film)
    window = At(tuple(event - 0.43 for event in written.events[:2]))
    settings = Clips(source=str(written.path), seconds=1.0, frames=16, pixels=48, window=window)
    ours = settings.open()
    theirs = ours.with_settings(reader=reader)
    for index in range(2):
        clip, twin = ours.clip(index, 0), theirs.clip(index, 0)
        assert clip.video is not None
        assert twin.video is not None
        assert clip.audio is not None
        assert twin.audio is not None
        assert clip.video_times is not None
        assert twin.video_times is not None
        np.testing.assert_allclose(twin.video_times, clip.video_times, atol=0.0011)
        assert float((clip.video.float() - twin.video.float()).abs().mean()) < GRAY
        assert likeness(clip.audio.numpy(), twin.audio.numpy(), round(SHIFT * settings.sample_rate)) > ALIKE


class InStep(Objective):
    synchronous = True


@pytest.mark.fault("A5")
def test_synchrony_is_refused_to_decoders_that_do_not_keep_it(tmp_path: Path) -> None:
    for refused in (DecordReader(), TorchCodecReader()):
        clips = Clips(source=str(tmp_path), reader=refused, synchronous=True)
        with pytest.raises(UsageError, match="give reader=PyAVReader"):
            clips.open()
        with pytest.raises(UsageError, match="the objective needs clips that are synchronous"):
            Run(data=Clips(source=str(tmp_path), reader=refused), objective=InStep({}, {}), steps=1, batch_size=1)
    assert READERS["pyav"].capabilities.synchronous


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.fault("A5", "A6", "A7", "A8")
def test_the_whole_matrix(tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    matrix = [film for film in films() if not limited(film)]
    record_property("cases", len(matrix))
    results = {film: measure(film, tmp_path, {"pyav": PyAVReader()})["pyav"] for film in matrix}
    assert not {str(film): result for film, result in results.items() if result is None or not result.held}
