"""A film that is written anew: its times, its size, its colors and its sound."""

import csv
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from mmssl.applications.redraw import redraw
from mmssl.data.decode.pyav import PyAVMedia, PyAVReader
from mmssl.errors import UsageError

Film = Callable[..., Path]


def same(time: float, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return picture


def opened(path: Path) -> PyAVMedia:
    return PyAVReader().open(str(path), path.name)


def packets(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size]


def make_odd_film(path: Path, sound: str) -> None:
    """Pictures at uneven times, 65 pixels wide, behind a sound that starts 0.3 s later."""
    with av.open(str(path), "w") as container:
        audio = container.add_stream(sound, rate=16_000)
        audio.layout = "mono"
        video = container.add_stream("ffv1", rate=25)
        video.width, video.height, video.pix_fmt = 65, 48, "bgr0"
        video.codec_context.time_base = Fraction(1, 1000)
        for number, milliseconds in enumerate((0, 40, 200, 240, 700, 1000)):
            pixels = np.full((48, 65, 3), 40 * number, np.uint8)
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format="bgr0")
            frame.pts, frame.time_base = milliseconds, Fraction(1, 1000)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        tone = (8000 * np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000)).astype(np.int16)
        samples = av.AudioFrame.from_ndarray(tone[None], format="s16", layout="mono")
        samples.sample_rate, samples.pts, samples.time_base = 16_000, 4800, Fraction(1, 16_000)
        resampler = av.AudioResampler(audio.codec_context.format, "mono", 16_000)
        for frame in resampler.resample(samples):
            container.mux(audio.encode(frame))
        container.mux(audio.encode(None))


def test_times_size_colors_and_the_very_packets(make_film: Film, tmp_path: Path) -> None:
    film, out = make_film(seconds=2.0), tmp_path / "out.mp4"
    with opened(film) as media:
        written = redraw(str(film), media, out, same)
    assert written.copied
    assert written.pictures == 20
    assert packets(out) == packets(film)
    with opened(film) as old, opened(out) as new:
        assert new.info.video is not None
        assert (new.info.video.width, new.info.video.height) == (64, 48)
        for (a, before), (b, after) in zip(old.pictures(), new.pictures(), strict=True):
            assert a == pytest.approx(b, abs=1e-4)
            assert np.abs(before.astype(int) - after).mean() < 4
        np.testing.assert_allclose(old.sound(0.5, 16_000, 16_000), new.sound(0.5, 16_000, 16_000), atol=1e-3)
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]


@pytest.mark.parametrize(("sound", "ending", "copied"), [("flac", ".mkv", True), ("pcm_s16le", ".mp4", False)])
def test_uneven_times_odd_width_and_late_sound(tmp_path: Path, sound: str, ending: str, copied: bool) -> None:
    film, out = tmp_path / "odd.mkv", tmp_path / f"out{ending}"
    make_odd_film(film, sound)
    with opened(film) as media:
        assert redraw(str(film), media, out, same).copied is copied
    with opened(out) as new:
        assert new.info.video is not None
        assert new.info.audio is not None
        assert [time for time, _ in new.pictures()] == pytest.approx([0, 0.04, 0.2, 0.24, 0.7, 1.0], abs=2e-3)
        assert (new.info.video.width, new.info.video.height) == (64, 48)
        loud = np.abs(new.sound(0.0, 22_000, 16_000))
        assert np.flatnonzero(loud > 0.1)[0] == pytest.approx(4800, abs=160)
        grays = [picture.mean() for _, picture in new.pictures()]
        assert grays == pytest.approx([0, 40, 80, 120, 160, 200], abs=4)


def test_what_cannot_be_written(make_film: Film, tmp_path: Path) -> None:
    film = make_film()
    with opened(film) as media:
        with pytest.raises(UsageError, match=r"out\.gif: films are written as \.mp4"):
            redraw(str(film), media, tmp_path / "out.gif", same)
        with pytest.raises(UsageError, match="cannot be written"):
            redraw(str(film), media, tmp_path / "nowhere" / "out.mp4", same)


@pytest.mark.realdata
@pytest.mark.parametrize(("container", "copied"), [("mov", True), ("mpeg", False), ("avi", True)])
def test_real_films(realdata: Path, tmp_path: Path, container: str, copied: bool) -> None:
    with (realdata / "MANIFEST.csv").open(encoding="utf-8") as stream:
        listed = [row for row in csv.DictReader(stream) if row["kind"] == "av" and row["container"] == container]
    smallest = min(listed, key=lambda row: float(row["duration"]) * int(row["w"]) * int(row["h"]))
    film, times, out = realdata / smallest["file"], list[float](), tmp_path / "out.mp4"

    def watched(time: float, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        times.append(time)
        return picture

    with opened(film) as media:
        assert redraw(str(film), media, out, watched).copied is copied
        heard = media.sound(0.4, 4000, 16_000)
    with opened(out) as new:
        assert [time for time, _ in new.pictures()] == pytest.approx(times, abs=1e-3)
        lag = np.correlate(heard, new.sound(0.4, 4000, 16_000), "full").argmax() - 3999
    assert abs(lag) <= 16  # a millisecond
