"""Re-encoded films: every picture at its time, the sound packet for packet, and the distance between both."""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from mmssl.data.decode.pyav import PyAVReader
from mmssl.data.reencode_profiles import FAST, MJPEG, Profile
from mmssl.data.transcode import transcode
from mmssl.errors import Fault, MediaError

FILMS: dict[str, dict[str, Any]] = {
    "mp4, GOP 250, B-frames": {"gop": 250, "b_frames": 3},
    "mp4 at 29.97, MP3": {"fps": Fraction(30000, 1001), "audio": "mp3"},
    "mp4, variable rate": {"steps": (20, 70, 40, 30), "gop": 250},
    "mp4, fragmented": {"muxer": (("movflags", "frag_keyframe+delay_moov"),)},
    "mp4, sound 0.5 s late": {"audio_at": 0.5},
    "mp4, sound an odd time late": {"audio_at": 0.1237, "rate": 48000},
    "mp4, picture 0.48 s late": {"video_at": 0.48},
    "mp4, sound first, 5.1": {"sound_first": True, "rate": 48000, "layout": "5.1"},
    "mp4, turned": {"rotation": 90},
    "mp4, 10 bits": {"pixels": "yuv420p10le"},
    "mp4, odd size, 4:4:4, no sound": {"size": (49, 65), "pixels": "yuv444p", "audio": None},
    "mov, PCM": {"suffix": "mov", "audio": "pcm_s16le"},
    "mkv, variable rate, FLAC": {"suffix": "mkv", "audio": "flac", "steps": (33, 20, 90)},
    "mkv, sound 0.5 s late, Opus": {"suffix": "mkv", "audio": "libopus", "rate": 48000, "audio_at": 0.5},
    "mkv, turned": {"suffix": "mkv", "rotation": -90},
    "webm, VP8, Opus": {"suffix": "webm", "video": "libvpx", "audio": "libopus", "rate": 48000},
    "avi, MPEG-4, PCM": {"suffix": "avi", "video": "mpeg4", "audio": "pcm_s16le"},
    "ts, sound 0.5 s late": {"suffix": "ts", "audio_at": 0.5},
    "ts from 4557 s on": {"suffix": "ts", "video_at": 4557.0, "audio_at": 4557.5},
}


@pytest.fixture(params=[FAST, MJPEG], ids=lambda profile: profile.name)
def profile(request: pytest.FixtureRequest) -> Profile:
    return request.param  # type: ignore[no-any-return]


def opened(path: Path) -> Any:
    return PyAVReader().open(str(path), path.name)


def again(path: Path, profile: Profile, folder: Path) -> Path:
    with opened(path) as media:
        return transcode(str(path), "film", profile, folder, media.info.video.duration)


def sounds(path: Path) -> list[tuple[float, bytes]]:
    """Each packet of sound with its time in seconds, from the first on."""
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(audio=0) if packet.size]
        first = packets[0].pts
        return [(float((packet.pts - first) * packet.time_base), bytes(packet)) for packet in packets]


@pytest.mark.parametrize("case", FILMS)
def test_every_time_and_all_sound_stay(
    film: Callable[..., Any], number: Callable[..., int], tmp_path: Path, case: str, profile: Profile
) -> None:
    settings = FILMS[case]
    made = film(**settings)
    path = again(made.path, profile, tmp_path)
    with opened(made.path) as before, opened(path) as after:
        old, new = before.info.video, after.info.video
        assert (new.start, new.rotation) == (pytest.approx(old.start, abs=1e-9), old.rotation)
        assert new.duration == pytest.approx(old.duration, abs=0.0011)
        np.testing.assert_allclose(after.picture_times(), before.picture_times(), rtol=0, atol=1e-9)
        # From the beginning and after a seek: none is another's.
        for times in (made.frames + 0.001, made.frames[len(made.frames) // 2 :] + 0.001):
            size = new.height, new.width  # 4:2:0 in H.264 has even sides
            shown, wanted = after.frames(times, size).pixels, before.frames(times, size).pixels
            assert np.abs(shown.astype(float) - wanted).mean(axis=(1, 2, 3)).max() < 6
            if not old.rotation:
                assert [number(picture) for picture in shown] == [made.expected(time) for time in times]
        if before.info.audio is None:
            assert after.info.audio is None
            return
        # MP4's ticks of sound are samples; a sample is what the 90 kHz of a transport stream may be off.
        sample = 1 / before.info.audio.sample_rate
        assert after.info.audio.start == pytest.approx(before.info.audio.start, abs=sample)
        heard = [media.sound(0.4, 24_000, 16_000) for media in (before, after)]
        np.testing.assert_allclose(heard[1], heard[0], atol=0.02)
    for (time, packet), (new_time, new_packet) in zip(sounds(made.path), sounds(path), strict=True):
        assert new_time == pytest.approx(time, abs=sample)
        # A transport stream's AAC has a header of 7 bytes a packet that MP4 tells once.
        assert new_packet == (packet[7:] if settings.get("suffix") == "ts" else packet)


def test_short_side_and_even_sizes(film: Callable[..., Any], tmp_path: Path, profile: Profile) -> None:
    made = film(size=(96, 128))
    path = again(made.path, replace(profile, short_side=33), tmp_path)
    with opened(path) as media:
        expected = (44, 33) if profile is MJPEG else (44, 32)
        assert (media.info.video.width, media.info.video.height) == expected
    assert profile.size(40, 30) == replace(profile, short_side=30).size(40, 30) == (40, 30)
    assert replace(profile, short_side=256).size(40, 30) == (40, 30), "never larger"


def test_key_frames_are_near(film: Callable[..., Any], tmp_path: Path, profile: Profile) -> None:
    with av.open(str(again(film(gop=250).path, profile, tmp_path))) as container:
        keys = [packet.is_keyframe for packet in container.demux(video=0) if packet.size]
    assert all(any(keys[first : first + profile.gop]) for first in range(0, len(keys) - profile.gop))


def test_the_same_bytes_each_time(film: Callable[..., Any], tmp_path: Path, profile: Profile) -> None:
    for suffix in ("mp4", "mkv"):
        contents = []
        for turn in range(2):
            (tmp_path / f"{suffix}{turn}").mkdir()
            contents.append(again(film(suffix=suffix).path, profile, tmp_path / f"{suffix}{turn}").read_bytes())
        assert contents[0] == contents[1]


def test_a_damaged_picture_is_named(film: Callable[..., Any], tmp_path: Path, profile: Profile) -> None:
    content = bytearray(film(muxer=(("movflags", "faststart"),), audio=None).path.read_bytes())
    middle = (content.index(b"mdat") + len(content)) // 2
    content[middle : middle + 1500] = bytes(1500)
    (tmp_path / "broken.mp4").write_bytes(content)
    with pytest.raises(MediaError) as caught:
        again(tmp_path / "broken.mp4", profile, tmp_path)
    assert caught.value.fault is Fault.CORRUPT


@pytest.mark.realdata
def test_real_clips_keep_their_clock(realdata: Path, tmp_path: Path) -> None:
    for clip in ("edge/fire2_rotated_vfr.mp4", "edge/realshort.mp4", "grid/bbaf2n.mpg", "ucf101/test_makeup.avi"):
        source = realdata / "av" / clip
        path = again(source, MJPEG, tmp_path)
        with opened(source) as before, opened(path) as after:
            np.testing.assert_allclose(after.picture_times(), before.picture_times(), rtol=0, atol=1e-9)
            assert after.info.audio.start == pytest.approx(before.info.audio.start, abs=1e-4)
            assert after.info.video.rotation == before.info.video.rotation
            moment = before.picture_times()[10:11]
            error = after.frames(moment).pixels.astype(float) - before.frames(moment).pixels
            assert np.square(error).mean() < 16, "36 dB"
