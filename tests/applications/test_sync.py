"""The offset of a film, moment by moment, and a film mended without encoding its pictures again."""

import json
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from benchmarks.films import BEEP, Film, beep
from benchmarks.films import make as make_flashes
from benchmarks.flicker import flicker, reader
from mmssl.applications.model import Model
from mmssl.applications.realign import realign
from mmssl.applications.sync import Syncer
from mmssl.applications.sync_plot import sync_plot
from mmssl.data.clip import ClipFormat
from mmssl.data.decode.pyav import PyAVMedia, PyAVReader
from mmssl.errors import EvaluationError, MediaError, UsageError

FORMAT = ClipFormat(seconds=2.4, frames=60, pixels=16, captions=0)
HALF = 0.02  # s, half a picture


@pytest.fixture(scope="session")
def syncer() -> Syncer:
    return Syncer(reader().eval(), torch.device("cpu"), FORMAT)


@pytest.fixture(scope="session")
def late_film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return flicker(tmp_path_factory.mktemp("late") / "late.mp4", 4.0, 0.2)


@pytest.mark.parametrize("late", [-0.4, -0.04, 0.0, 0.12, 0.4, 0.6])
def test_an_offset_is_told(syncer: Syncer, tmp_path: Path, late: float) -> None:
    found = syncer.sync(flicker(tmp_path / "film.mp4", 4.0, late))
    assert found.offset == pytest.approx(late, abs=0.003)
    assert found.frames == pytest.approx(25 * late, abs=0.1)
    assert found.certainty == 1
    known = [moment.offset for moment in found.track if moment.offset is not None]
    assert known == pytest.approx([late] * len(known), abs=1e-6)
    assert found.track[0].offset is found.track[-1].offset is None, "the ends are masked"


def test_between_two_pictures_the_parabola_is_nearer(syncer: Syncer, tmp_path: Path) -> None:
    lates = [0.05, 0.09, -0.07, -0.11]
    offsets = [syncer.sync(flicker(tmp_path / "film.mp4", 4.0, late, seed)).offset for seed, late in enumerate(lates)]
    errors = np.abs(np.array(offsets) - lates)
    assert errors.max() < 0.009
    assert errors.mean() < 0.008  # the nearest step is 0.01 away


def test_a_long_film_is_heard_in_overlapping_stretches(syncer: Syncer, tmp_path: Path) -> None:
    path, seen = flicker(tmp_path / "long.mp4", 20.0, -0.24), list[float]()
    found = syncer.sync(path, seen.append)
    assert found.offset == pytest.approx(-0.24, abs=0.003)
    assert seen == sorted(seen)
    assert seen[-1] == 1
    masked = [number for number, moment in enumerate(found.track) if moment.offset is None]
    assert int((np.diff(masked) > 1).sum()) == 1, "but at the two ends every moment is known"
    assert len(masked) < 80
    times = [moment.time for moment in found.track]
    assert times == pytest.approx(list(np.arange(len(times)) * 0.04), abs=1e-6)
    assert {moment.offset for moment in found.track} == {None, -0.24}


def test_picture_and_sound_of_two_films_are_not_certain(syncer: Syncer, tmp_path: Path) -> None:
    found = syncer.sync(flicker(tmp_path / "two.mp4", 6.0, alike=False))
    assert not found.certain
    with pytest.raises(EvaluationError, match=r"two\.mp4: no offset can be told"):
        found.demand_certainty()


def test_what_is_kept(syncer: Syncer, late_film: Path, tmp_path: Path) -> None:
    found = syncer.sync(late_film)
    found.save(tmp_path / "track.json")
    told = json.loads((tmp_path / "track.json").read_text())
    assert told["certain"] is True
    assert told["track"][50].keys() == {"time", "offset", "confidence"}
    assert told["shifts"][0] == -0.6
    sync_plot(found, tmp_path / "plot.png")
    assert (tmp_path / "plot.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("suffix", "late"), [(".mp4", 0.2), (".mp4", -0.2), (".mkv", 0.2), (".mkv", -0.2), (".mov", 0.2)]
)
def test_a_mended_film_has_the_same_packets_at_the_right_times(
    syncer: Syncer, tmp_path: Path, suffix: str, late: float
) -> None:
    film, out = flicker(tmp_path / "film.mp4", 4.0, late), tmp_path / f"out{suffix}"
    written = realign(str(film), out, late)
    assert (written.pictures, written.copied) == (100, True)
    assert abs(syncer.sync(out).offset) < 0.002
    with PyAVReader().open(str(film), "a") as old, PyAVReader().open(str(out), "b") as new:
        before, after = list(old.pictures()), list(new.pictures())
        assert len(before) == len(after)
        assert all(np.array_equal(a[1], b[1]) for a, b in zip(before, after, strict=True)), "not encoded again"
        start = 0.0 if new.info.video is None else new.info.video.start
        np.testing.assert_allclose([a[0] + start for a in before], [b[0] for b in after], atol=1.1e-3)
        sounds = old.sound(1.0, 32_000, 16_000), new.sound(1.0 + start - late, 32_000, 16_000)
        assert np.corrcoef(*sounds)[0, 1] > 0.99


def seen(media: PyAVMedia) -> NDArray[np.float64]:
    """When the flashes begin."""
    pictures = [(time, pixels[20:].mean() > 128) for time, pixels in media.pictures()]
    return np.array([time for (_, dark), (time, lit) in pairwise(pictures) if lit and not dark])


def heard(media: PyAVMedia) -> NDArray[np.float64]:
    """When the beeps begin."""
    rate = 16_000
    likeness = np.correlate(media.sound(0, rate * 6, rate), beep(np.arange(round(BEEP * rate)) / rate), "valid")
    found = []
    for _ in range(3):
        found.append(int(likeness.argmax()))
        likeness[max(found[-1] - rate // 2, 0) : found[-1] + rate // 2] = 0
    return np.array(sorted(found)) / rate


@pytest.mark.parametrize(
    "film",
    [
        Film(container="mkv", audio="opus", b_frames=2),
        Film(container="mp4", audio="aac", b_frames=4, hidden=10),
        Film(container="mov", audio="pcm_s16le", audio_at=0.123),
        Film(container="mkv", audio="vorbis", fps=Fraction(30000, 1001)),
        Film(container="ts", audio="mp2", audio_at=0.5),
    ],
    ids=str,
)
@pytest.mark.parametrize(("suffix", "late"), [(".mp4", 0.3), (".mp4", -0.3), (".mkv", 0.3)])
def test_flashes_and_beeps_move_apart_by_what_is_asked(film: Film, suffix: str, late: float, tmp_path: Path) -> None:
    """The beeps of a film that is in synchrony come `late` earlier in one that is mended for nothing."""
    made = make_flashes(film, tmp_path / f"in.{film.container}")
    realign(str(made.path), tmp_path / f"out{suffix}", late)
    with PyAVReader().open(str(made.path), "a") as old, PyAVReader().open(str(tmp_path / f"out{suffix}"), "b") as new:
        gaps = [heard(media) - seen(media) for media in (old, new)]
    np.testing.assert_allclose(gaps[0] - gaps[1], late, atol=2e-3)


def test_what_cannot_be_mended(tiny_model: Model, syncer: Syncer, late_film: Path, tmp_path: Path) -> None:
    import soundfile

    soundfile.write(tmp_path / "only.wav", np.zeros(32_000), 16_000)
    with pytest.raises(MediaError, match="no picture"):
        syncer.sync(tmp_path / "only.wav")
    with pytest.raises(MediaError, match="needs 1 s"):
        syncer.sync(flicker(tmp_path / "short.mp4", 0.6))
    with pytest.raises(UsageError, match="InfoNCE cannot tell offsets"):
        tiny_model.sync(late_film)
    with pytest.raises(UsageError, match="reach"):
        Syncer(syncer.objective, syncer.device, FORMAT, reach=0)
    with pytest.raises(UsageError, match="the film itself"):
        realign(str(late_film), late_film, 0.1)
    with pytest.raises(UsageError, match=r"\.mp4, \.mov, \.mkv"):
        realign(str(late_film), tmp_path / "out.avi", 0.1)
    with pytest.raises(MediaError, match="nothing to align"):
        realign(str(tmp_path / "only.wav"), tmp_path / "out.mp4", 0.1)
    avi = make_flashes(Film(container="avi", video="mpeg4", audio="pcm_s16le"), tmp_path / "in.avi")
    with pytest.raises(MediaError, match="AVI stores no times"):
        realign(str(avi.path), tmp_path / "out.mkv", 0.1)
    webm = make_flashes(Film(container="webm", video="libvpx", audio="opus"), tmp_path / "in.webm")
    with pytest.raises(UsageError, match=r"out\.mp4: cannot hold pictures of vp8"):
        realign(str(webm.path), tmp_path / "out.mp4", 0.1)
    assert not list(tmp_path.glob(".*unfinished*"))


@pytest.mark.fault("A11")
def test_a_sound_of_another_clock_drifts(syncer: Syncer, tmp_path: Path) -> None:
    found = syncer.sync(flicker(tmp_path / "film.mp4", 60.0, late=-0.1, drift=0.004))
    assert found.drift == pytest.approx(0.004, abs=0.0002)
    assert found.verdict == "drifting"
    assert syncer.sync(flicker(tmp_path / "film.mp4", 60.0, late=-0.1)).verdict == "early"
