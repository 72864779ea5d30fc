"""Sound of every kind that people hold: the right samples at the right time, or named as wrong."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.films import Film, Made
from mmssl.data.clips import Clips
from mmssl.data.decode.reader import Reader
from mmssl.data.probe import probe
from mmssl.data.window import EvenWindows
from mmssl.errors import Fault, MediaError

Write = Callable[..., None]
LAYOUTS = {"mono": 1, "stereo": 2, "2.1": 3, "quad": 4, "5.0": 5, "5.1": 6, "6.1": 7, "7.1": 8}


def tone(hertz: float, rate: int, seconds: float = 1.5) -> NDArray[np.float64]:
    return np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)


@pytest.mark.fault("A1")
@pytest.mark.parametrize("codec", ["pcm_s16le", "flac", "pcm_f32le"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_mix_is_the_mean_of_all_channels(
    tmp_path: Path, write_sound: Write, reader: Reader, layout: str, codec: str
) -> None:
    count = LAYOUTS[layout]
    levels = np.linspace(0.1, 0.8, count)
    path = tmp_path / "sound.mkv"
    write_sound(path, levels[:, None] * tone(440, 16_000), 16_000, codec, layout)
    with reader.open(str(path), "sound") as media:
        assert media.info.audio is not None
        assert media.info.audio.channels == count
        heard = media.sound(0.25, 8_000, 16_000)
    np.testing.assert_allclose(heard, levels.mean() * tone(440, 16_000)[4_000:12_000], atol=2e-3)


@pytest.mark.fault("A2")
@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000, 88_200, 96_000, 192_000])
def test_every_sampling_rate(tmp_path: Path, write_sound: Write, reader: Reader, rate: int) -> None:
    path = tmp_path / "sound.wav"
    high = tone(11_000, rate) if rate > 24_000 else 0.0 * tone(1, rate)
    write_sound(path, (0.4 * tone(440, rate) + 0.4 * high)[None], rate, "pcm_s16le")
    with reader.open(str(path), "sound") as media:
        heard = media.sound(0.2, 12_001, 16_000)
    assert heard.shape == (12_001,)
    # The 11 kHz above half the rate that is asked for do not fold back.
    np.testing.assert_allclose(heard, 0.4 * tone(440, 16_000)[3_200:15_201], atol=4e-3)


@pytest.mark.fault("A3")
@pytest.mark.parametrize(("codec", "suffix"), [("aac", "aac"), ("mp3", "mp3")])
@pytest.mark.parametrize("change", ["rate", "channels"])
def test_a_change_in_the_middle(
    tmp_path: Path, write_sound: Write, reader: Reader, codec: str, suffix: str, change: str
) -> None:
    path, parts = tmp_path / f"sound.{suffix}", []
    second = (22_050, "mono") if change == "rate" else (44_100, "stereo")
    for number, (rate, layout) in enumerate([(44_100, "mono"), second]):
        part = tmp_path / f"{number}.{suffix}"
        wave = 0.5 * tone(500 * (number + 1), rate)
        write_sound(part, np.stack([wave] * LAYOUTS[layout]), rate, codec, layout)
        parts.append(part.read_bytes())
    path.write_bytes(b"".join(parts))
    with reader.open(str(path), "sound") as media:
        for start, hertz in ((0.5, 500), (2.2, 1000)):
            if (suffix, change, hertz) == ("aac", "rate", 1000):
                # Raw AAC has no times: its length is guessed from the first rate, and the rest is named as missing.
                with pytest.raises(MediaError):
                    media.sound(start, 8_000, 16_000)
                continue
            heard = media.sound(start, 8_000, 16_000)
            assert np.abs(np.fft.rfft(heard)).argmax() * 2 == hertz
            assert np.abs(heard).max() == pytest.approx(0.5, abs=0.05)


@pytest.mark.fault("A4")
def test_clips_lie_where_picture_and_sound_are(made: Callable[[Film], Made], tmp_path: Path, reader: Reader) -> None:
    for film in (Film(audio_at=0.5), Film(container="mkv", audio="flac", video_at=0.5)):
        settings = Clips(
            source=str(made(film).path), seconds=1.0, frames=4, pixels=32, window=EvenWindows(4), reader=reader
        )
        clips = [settings.open().clip(index, 0) for index in range(4)]
        assert clips[0].start == pytest.approx(0.5, abs=0.03)
        assert 3.5 < clips[3].start < 3.7
    with reader.open(str(made(Film(audio_at=0.5)).path), "film") as media:
        assert not media.sound(0.0, 7_000, 16_000).any()


def wav(path: Path, wave: NDArray[np.float32], rate: int = 16_000) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_f32le", rate=rate, layout="mono")
        frame = av.AudioFrame.from_ndarray(wave[None].astype(np.float32), format="flt", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
        container.mux([*stream.encode(frame), *stream.encode(None)])
    return path


@pytest.mark.fault("A12")
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_corrupt(tmp_path: Path, reader: Reader, value: float) -> None:
    wave = 0.5 * tone(440, 16_000).astype(np.float32)
    wave[16_000] = value
    path = wav(tmp_path / "sound.wav", wave)
    with reader.open(str(path), "sound") as media:
        assert np.isfinite(media.sound(0.0, 8_000, 16_000)).all()
        with pytest.raises(MediaError) as caught:
            media.sound(0.9, 8_000, 16_000)
        assert caught.value.fault is Fault.CORRUPT
    assert Fault.CORRUPT in {fault for fault, _ in probe(path, deep=True).broken}


@pytest.mark.fault("A12")
def test_silence_clipping_and_an_offset_are_told(tmp_path: Path) -> None:
    wave = tone(440, 16_000).astype(np.float32)
    assert probe(wav(tmp_path / "silent.wav", 0 * wave)).silent
    loud = probe(wav(tmp_path / "clipped.wav", np.clip(3 * wave, -1, 1)))
    assert (loud.silent, loud.clipped) == (False, True)
    shifted = probe(wav(tmp_path / "shifted.wav", 0.2 * wave + 0.3))
    assert shifted.bias == pytest.approx(0.3, abs=0.01)
    assert not shifted.clipped
    good = probe(wav(tmp_path / "good.wav", 0.5 * wave))
    assert (good.silent, good.clipped, good.broken) == (False, False, ())
    assert good.bias == pytest.approx(0, abs=0.01)


@pytest.mark.fault("A13")
def test_a_still_picture_is_told(tmp_path: Path, write_pictures: Write) -> None:
    ramp = np.tile(np.linspace(20, 220, 64), (48, 1)).astype(np.uint8)
    write_pictures(tmp_path / "still.mp4", np.stack([ramp] * 60), options={"crf": "30"})
    moving = np.stack([np.roll(ramp, index, axis=1) for index in range(60)])
    write_pictures(tmp_path / "moving.mp4", moving)
    assert probe(tmp_path / "still.mp4").still
    assert not probe(tmp_path / "moving.mp4").still
