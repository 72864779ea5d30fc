"""What only the default decoder promises."""

import pickle
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from mmssl.data.decode.picture import Orientation, degrees, oriented
from mmssl.data.decode.pyav import PyAVReader

FilmMaker = Callable[..., Any]


def test_the_reader_travels_to_workers() -> None:
    assert pickle.loads(pickle.dumps(PyAVReader())) == PyAVReader()  # noqa: S301


def test_info(film: FilmMaker) -> None:
    with PyAVReader().open(str(film(audio_at=0.5).path), "film") as media:
        info = media.info
    video, audio = info.video, info.audio
    assert info.container == "mov"
    assert video is not None
    assert audio is not None
    assert (video.codec, video.height, video.width, video.fps, video.variable) == ("h264", 48, 64, 25.0, False)
    assert (audio.codec, audio.sample_rate, audio.channels) == ("aac", 44100, 2)
    # The muxer gives up the edit that hides the encoder's 1024 samples of priming when the sound starts late.
    assert video.start == 0.0
    assert audio.start == pytest.approx(0.5 - 1024 / 44100, abs=0.001)
    assert video.duration == pytest.approx(2.4, abs=0.001)
    assert info.duration == pytest.approx(2.9, abs=0.01)


@pytest.mark.parametrize("sound_first", [False, True])
def test_every_picture_in_order(film: FilmMaker, number: Callable[..., int], sound_first: bool) -> None:
    made = film(sound_first=sound_first)
    with PyAVReader().open(str(made.path), "film") as media:
        media.frames([1.5])
        played = list(media.pictures())
        assert [number(picture) for _, picture in played] == list(range(60))
        np.testing.assert_allclose([time for time, _ in played], made.frames, atol=1e-4)
        np.testing.assert_allclose(media.picture_times(), made.frames, atol=1e-4)


@pytest.mark.fault("A8")
@pytest.mark.parametrize("gop", [12, 250])
@pytest.mark.parametrize("size", [None, (24, 32)])
def test_leaving_out_pictures_changes_none(film: FilmMaker, gop: int, size: tuple[int, int] | None) -> None:
    path = str(film(gop=gop, b_frames=3).path)
    reader = PyAVReader(tables=False)
    with reader.open(path, "film") as media, reader.open(path, "film") as plain:
        assert media.container.video is not None
        assert plain.container.video is not None
        plain.container.video.skips = False
        for start in (0.3, 1.1, 0.0, 1.7):
            times = np.linspace(start, start + 0.8, 7).tolist()
            ours, theirs = media.frames(times, size), plain.frames(times, size)
            np.testing.assert_array_equal(ours.pixels, theirs.pixels)
            np.testing.assert_array_equal(ours.times, theirs.times)
        assert media.container.video.skips


@pytest.mark.fault("A7")
def test_a_variable_rate_is_called_so(film: FilmMaker) -> None:
    with PyAVReader().open(str(film(steps=(20, 70, 40, 30), gop=250).path), "film") as media:
        assert media.info.video is not None
        assert media.info.video.variable
        assert media.info.video.fps == pytest.approx(25, abs=0.5)


@pytest.mark.fault("M18")
@pytest.mark.parametrize("turn", [0, 90, 180, 270])
@pytest.mark.parametrize("mirrored", [False, True])
def test_turns_and_mirrors(turn: int, mirrored: bool) -> None:
    pixels = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    turns: dict[int, Orientation] = {0: (1, 0, 0, 1), 90: (0, -1, 1, 0), 180: (-1, 0, 0, -1), 270: (0, 1, -1, 0)}
    a, b, c, d = turns[turn]
    expected = np.rot90(pixels, turn // 90)
    if mirrored:  # left and right exchanged after the turn: x' changes its sign
        a, c, expected = -a, -c, expected[:, ::-1]
    else:
        assert degrees((a, b, c, d)) == turn
    np.testing.assert_array_equal(oriented(pixels, (a, b, c, d)), expected)


@pytest.mark.fault("A6")
def test_the_first_sound_of_aac_is_decoded_with_its_priming(tmp_path: Path) -> None:
    path = tmp_path / "tone.mp4"
    rate = 16_000
    wave = np.sin(2 * np.pi * 440 * np.arange(rate) / rate)[None].astype(np.float32)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=rate, layout="mono", bit_rate=96_000)
        frame = av.AudioFrame.from_ndarray(wave, format="fltp", layout="mono")
        frame.sample_rate, frame.time_base, frame.pts = rate, Fraction(1, rate), 0
        container.mux([*stream.encode(frame), *stream.encode(None)])
    with PyAVReader().open(str(path), "tone") as media:
        for _ in range(2):
            sound = media.sound(0.0, 4_000, rate)
            # Without the frame before it, the first 1024 samples fade in.
            assert np.sqrt(np.mean((sound[200:900] - wave[0, 200:900]) ** 2)) < 0.1


@pytest.mark.fault("A1")
def test_eight_channels_do_not_end_the_process(film: FilmMaker) -> None:
    # PyAV's own to_ndarray reads a ninth plane that is none.
    with PyAVReader().open(str(film(audio="aac", layout="7.1", rate=48000).path), "film") as media:
        sound = media.sound(0.5, 16_000, 16_000)
    assert np.abs(sound).max() == pytest.approx(0.7 * 7 / 8, abs=0.02)  # the eighth channel is for low tones alone


@pytest.mark.fault("M13")
def test_cover_art_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "song.mp4"
    with av.open(str(path), "w") as container:
        cover = container.add_stream("mjpeg", rate=1)
        cover.width = cover.height = 16
        cover.pix_fmt = "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        sound = container.add_stream("aac", rate=16_000, layout="mono")
        container.mux(cover.encode(av.VideoFrame(16, 16, "yuvj420p")) + cover.encode(None))
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 16_000), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 16_000
        container.mux(sound.encode(frame) + sound.encode(None))
    with PyAVReader().open(str(path), "song") as media:
        assert media.info.video is None
        assert media.info.audio is not None


@pytest.mark.fault("M14")
def test_the_default_sound_track_is_heard(tmp_path: Path) -> None:
    path = tmp_path / "film.mkv"
    with av.open(str(path), "w") as container:
        streams = [container.add_stream("pcm_s16le", rate=16_000, layout="mono") for _ in range(2)]
        streams[0].disposition = av.stream.Disposition(0)
        streams[1].disposition = av.stream.Disposition.default
        for stream, level in zip(streams, (8_000, 16_000), strict=True):
            frame = av.AudioFrame.from_ndarray(np.full((1, 16_000), level, np.int16), format="s16", layout="mono")
            frame.sample_rate = 16_000
            container.mux(stream.encode(frame) + stream.encode(None))
    with PyAVReader().open(str(path), "film") as media:
        np.testing.assert_allclose(media.sound(0.4, 1_000, 16_000), 16_000 / 32_768, atol=1e-3)


@pytest.mark.fault("M17")
def test_pictures_that_change_size_are_scaled_to_the_first(tmp_path: Path) -> None:
    path = tmp_path / "film.ts"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.options = {"x264-params": "repeat-headers=1:annexb=1", "tune": "zerolatency"}
        for part, (width, height) in enumerate([(64, 48), (96, 64)]):
            context = av.CodecContext.create("libx264", "w")
            context.width, context.height, context.pix_fmt = width, height, "yuv420p"
            context.time_base = Fraction(1, 25)
            context.options = {"x264-params": "repeat-headers=1:annexb=1", "tune": "zerolatency"}
            for index in range(25):
                picture = np.full((height, width), 60 + 100 * part, np.uint8)
                frame = av.VideoFrame.from_ndarray(picture, format="gray").reformat(format="yuv420p")
                frame.pts, frame.time_base = part * 25 + index, context.time_base
                for packet in context.encode(frame):
                    packet.stream = stream
                    packet.time_base = context.time_base
                    container.mux(packet)
    with PyAVReader().open(str(path), "film") as media:
        shown = media.frames([0.5, 1.5])
        assert shown.pixels.shape == (2, 48, 64, 3)
        means = shown.pixels.mean(axis=(1, 2, 3))
        assert means[1] - means[0] > 80


@pytest.mark.fault("A10")
def test_a_gap_in_the_sound_is_silence(tmp_path: Path) -> None:
    path = tmp_path / "sound.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=16_000, layout="mono")
        for begin in (0, 32_000):
            frame = av.AudioFrame.from_ndarray(np.full((1, 16_000), 16_384, np.int16), format="s16", layout="mono")
            frame.sample_rate, frame.time_base, frame.pts = 16_000, Fraction(1, 16_000), begin
            container.mux(stream.encode(frame))
    with PyAVReader().open(str(path), "sound") as media:
        sound = media.sound(0.5, 32_000, 16_000)
        np.testing.assert_allclose(sound[:7_990], 0.5)
        assert not sound[8_020:23_980].any()
        np.testing.assert_allclose(sound[24_010:], 0.5)
