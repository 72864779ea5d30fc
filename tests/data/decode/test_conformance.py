"""Every backend on every film: the frame on screen, the click where the flash is, and what a backend cannot do."""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from mmssl.data.decode.decord import DecordReader
from mmssl.data.decode.pyav import PyAVReader
from mmssl.data.decode.torchcodec import TorchCodecReader
from mmssl.errors import Fault, MediaError, UsageError

FilmMaker = Callable[..., Any]
READERS = {
    "pyav": PyAVReader(),
    "pyav without tables": PyAVReader(tables=False),
    "decord": DecordReader(),
    "torchcodec": TorchCodecReader(),
}

PLAIN: dict[str, dict[str, Any]] = {
    "mp4 25 fps AAC": {},
    "mp4 GOP 250, AAC 8 kHz mono": {"gop": 250, "rate": 8000, "layout": "mono"},
    "mp4 29.97 fps, MP3": {"fps": Fraction(30000, 1001), "audio": "mp3"},
    "mp4 no B-frames, AAC 5.1": {"b_frames": 0, "rate": 48000, "layout": "5.1"},
    "mp4 fragmented": {"muxer": (("movflags", "frag_keyframe+delay_moov"),)},
    "mp4 variable rate": {"steps": (20, 70, 40, 30), "gop": 250},
    "mkv variable rate, FLAC": {"suffix": "mkv", "audio": "flac", "steps": (33, 20, 90)},
    "mkv PCM 22 kHz": {"suffix": "mkv", "audio": "pcm_s16le", "rate": 22050},
    "mkv Opus": {"suffix": "mkv", "audio": "libopus", "rate": 48000, "gop": 250},
    "webm VP8 Opus mono": {"suffix": "webm", "video": "libvpx", "audio": "libopus", "rate": 48000, "layout": "mono"},
    # AVI cannot say how much priming an encoder added, so its sound is PCM.
    "avi MPEG-4 PCM": {"suffix": "avi", "video": "mpeg4", "audio": "pcm_s16le", "b_frames": 2},
}
OFFSET: dict[str, dict[str, Any]] = {
    "mp4 sound 0.5 s late": {"audio_at": 0.5},
    "mp4 picture 0.48 s late": {"video_at": 0.48},
    "mkv sound 0.5 s late, Opus": {"suffix": "mkv", "audio": "libopus", "rate": 48000, "audio_at": 0.5},
    "mkv picture 0.48 s late, FLAC": {"suffix": "mkv", "audio": "flac", "video_at": 0.48},
    "ts sound 0.5 s late": {"suffix": "ts", "audio_at": 0.5},
    "ts from 4557 s, sound late": {"suffix": "ts", "video_at": 4557.0, "audio_at": 4557.5},
}


@pytest.fixture(params=READERS)
def reader(request: pytest.FixtureRequest) -> Any:
    reader = READERS[request.param]
    if isinstance(reader, TorchCodecReader):
        try:
            import torchcodec  # noqa: F401
        except (ImportError, RuntimeError):  # RuntimeError: FFmpeg's libraries are missing
            pytest.skip("torchcodec is an extra")
    return reader


# The capability without which the sound, or the pictures, of a film come out wrong.
SOUND_NEEDS = dict.fromkeys(OFFSET, "start_offsets") | {
    "mp4 fragmented": "priming",
    "mkv Opus": "priming",
    "webm VP8 Opus mono": "priming",
    "avi MPEG-4 PCM": "avi",
}
PICTURES_NEED = {
    "mp4 picture 0.48 s late": "start_offsets",
    "mkv picture 0.48 s late, FLAC": "start_offsets",
    "ts sound 0.5 s late": "transport_streams",
    "ts from 4557 s, sound late": "transport_streams",
    "avi MPEG-4 PCM": "avi",
}


@pytest.fixture(params=[*PLAIN, *OFFSET])
def case(request: pytest.FixtureRequest, film: FilmMaker, reader: Any) -> Any:
    """A film; the test is expected to fail, and must, where the backend says that it cannot do it."""
    needs = SOUND_NEEDS if "click" in request.fixturenames else PICTURES_NEED
    need = needs.get(request.param)
    if need is not None and not getattr(reader.capabilities, need):
        expected_failure(request, f"{reader.name} without {need}")
    return film(**(PLAIN | OFFSET)[request.param])


def expected_failure(request: pytest.FixtureRequest, reason: str) -> None:
    request.applymarker(pytest.mark.xfail(reason=reason, raises=(AssertionError, MediaError), strict=True))


def test_flash_and_click_come_from_the_same_seconds(case: Any, reader: Any, click: Callable[..., float]) -> None:
    with reader.open(str(case.path), "film") as media:
        for event in case.events:
            start, rate = event - 0.4, 16_000
            heard = start + click(media.sound(start, rate, rate), rate)
            dense = np.arange(start, start + 1, 0.004)
            shown = media.frames(dense)
            lit = shown.pixels[:, 3 * shown.pixels.shape[1] // 4 :].mean(axis=(1, 2, 3)) > 128
            seen = shown.times[lit][0]
            assert abs(heard - event) < 0.001
            assert abs(seen - event) < 0.001
            assert abs(heard - seen) < 0.001 + 0.5 / media.info.video.fps


def test_the_frame_on_screen_at_each_time(case: Any, reader: Any, number: Callable[..., int]) -> None:
    draws = np.random.default_rng(0)
    with reader.open(str(case.path), "film") as media:
        # Forward and backward: an open recording is asked for many windows.
        for start in (1.1, 0.0, 1.6, 0.5, 0.52):
            times = np.sort(draws.uniform(start, start + 0.7, 8))
            # Containers round times to 1 ms at the coarsest: nearer to a frame's beginning either frame is right.
            times = times[np.abs(times[:, None] - case.frames).min(axis=1) > 0.0015]
            shown = media.frames(times)
            expected = [case.expected(time) for time in times]
            assert [number(picture) for picture in shown.pixels] == expected
            np.testing.assert_allclose(shown.times, case.frames[expected], atol=0.0011)


@pytest.mark.fault("M15")
@pytest.mark.parametrize("sound_first", [False, True])
def test_before_the_first_and_after_the_last_frame(
    film: FilmMaker, reader: Any, number: Callable[..., int], sound_first: bool
) -> None:
    made = film(sound_first=sound_first)
    with reader.open(str(made.path), "film") as media:
        shown = media.frames([-1.0, 0.0, 2.39, 2.6])
        assert [number(picture) for picture in shown.pixels] == [0, 0, 59, 59]
        assert media.frames([], (8, 8)).pixels.shape == (0, 8, 8, 3)


@pytest.mark.parametrize("codec", ["flac", "pcm_s16le", "aac", "mp3", "libopus"])
def test_windows_of_sound_fit_together(film: FilmMaker, reader: Any, codec: str) -> None:
    # In containers whose times are exact; Matroska's are rounded to 1 ms, and whole windows shift by that much.
    made = film(suffix="mov" if codec == "pcm_s16le" else "mp4", audio=codec, rate=48000)
    with reader.open(str(made.path), "film") as media:
        whole = media.sound(0.0, 38_400, 16_000)
        for start in (12_000, 3_200, 800, 28_001):
            part = media.sound(start / 16_000, 6_400, 16_000)
            np.testing.assert_allclose(part, whole[start : start + 6_400], atol=0.01)


@pytest.mark.fault("A4")
def test_sound_outside_the_stream_is_silence_of_the_wanted_length(film: FilmMaker, reader: Any) -> None:
    with reader.open(str(film().path), "film") as media:
        for start, samples in ((-0.5, 4_000), (3.0, 999), (2.2, 16_000)):
            sound = media.sound(start, samples, 16_000)
            assert sound.shape == (samples,)
            assert sound.dtype == np.float32
        assert not media.sound(-0.5, 4_000, 16_000).any()
        assert not media.sound(3.0, 999, 16_000).any()


@pytest.mark.fault("A1")
@pytest.mark.parametrize("layout", ["mono", "stereo", "5.1", "7.1"])
def test_the_mix_to_mono_is_the_mean(film: FilmMaker, reader: Any, request: pytest.FixtureRequest, layout: str) -> None:
    if layout in {"5.1", "7.1"} and not reader.capabilities.surround_mean:
        expected_failure(request, f"{reader.name} without surround_mean")
    peaks = []
    for channels in ("mono", layout):
        with reader.open(str(film(suffix="mkv", audio="flac", layout=channels).path), "film") as media:
            peaks.append(float(np.abs(media.sound(0.5, 24_000, 44_100)).max()))
    # swresample's own stereo to mono would be 3 dB louder: 0.99.
    np.testing.assert_allclose(peaks, 0.7, atol=0.01)


@pytest.mark.fault("M18")
@pytest.mark.parametrize("rotation", [90, 180, -90])
def test_rotation_is_applied(film: FilmMaker, reader: Any, request: pytest.FixtureRequest, rotation: int) -> None:
    if rotation != 180 and not reader.capabilities.quarter_turns:
        expected_failure(request, f"{reader.name} without quarter_turns")
    with reader.open(str(film().path), "film") as media:
        straight = media.frames([0.82]).pixels[0]
    with reader.open(str(film(rotation=rotation).path), "film") as media:
        turned = media.frames([0.82]).pixels[0]
        assert media.info.video.rotation == rotation % 360
        assert (media.info.video.height, media.info.video.width) == turned.shape[:2]
    np.testing.assert_allclose(turned, np.rot90(straight, rotation // 90), atol=8)


@pytest.mark.parametrize("size", [(24, 24), (40, 20), (20, 60), (96, 96)])
def test_size_crops_around_the_center(film: FilmMaker, reader: Any, size: tuple[int, int]) -> None:
    with reader.open(str(film(size=(96, 128)).path), "film") as media:
        # The flash's edge is at half the height, and stays there; frame 20 is 0b10100.
        picture = media.frames([0.85], size).pixels[0].astype(int)
        assert picture.shape == (*size, 3)
        assert (picture[size[0] // 2 + 2 :] > 200).all()
        whole = media.frames([0.85]).pixels[0]
        scale = max(size[0] / 96, size[1] / 128)
        columns = ((np.arange(size[1]) + 0.5 - size[1] / 2) / scale + 64).astype(int)
        rows = ((np.arange(size[0]) + 0.5 - size[0] / 2) / scale + 48).astype(int)
        assert np.abs(picture - whole[np.ix_(rows, columns)]).mean() < 12


@pytest.mark.fault("M16")
@pytest.mark.parametrize("size", [(33, 17), (121, 161)])
def test_odd_sizes(film: FilmMaker, reader: Any, size: tuple[int, int]) -> None:
    with reader.open(str(film(size=size, pixels="yuv444p", audio=None).path), "film") as media:
        assert media.frames([0.1, 1.0]).pixels.shape == (2, *size, 3)
        assert media.frames([0.1, 1.0], (32, 32)).pixels.shape == (2, 32, 32, 3)


def test_open_files(film: FilmMaker, reader: Any) -> None:
    path = film().path
    with path.open("rb") as file:
        if not reader.capabilities.file_objects:
            with pytest.raises(MediaError) as caught:
                reader.open(file, "shard.tar/film.mp4")
            assert caught.value.fault is Fault.UNSUPPORTED
            return
        with reader.open(file, "shard.tar/film.mp4") as media, reader.open(str(path), "film") as same:
            np.testing.assert_array_equal(media.frames([0.5, 1.5]).pixels, same.frames([0.5, 1.5]).pixels)
            np.testing.assert_array_equal(media.sound(0.5, 8000, 16_000), same.sound(0.5, 8000, 16_000))
        assert not file.closed


def test_versions_name_what_decodes(reader: Any) -> None:
    assert all(reader.versions().values())


def test_torchcodec_where_it_is_missing(film: FilmMaker) -> None:
    try:
        from torchcodec import decoders  # noqa: F401
    except (ImportError, RuntimeError):
        with pytest.raises(UsageError, match=r"mmssl\[torchcodec\]"):
            TorchCodecReader().open(str(film().path), "film")
