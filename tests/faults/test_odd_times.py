"""Timestamps that start late, below zero, jump, wrap, or are not there."""

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from benchmarks.films import Film, Made, number
from mmssl.data.decode.reader import Reader
from mmssl.errors import Fault, MediaError

MakeFilm = Callable[[Film], Made]


def remux(old: Path, new: Path, change: Callable[[av.Packet], av.Packet | None], **options: str) -> Path:
    """A copy whose packets are changed; None leaves one out."""
    with av.open(str(old)) as source, av.open(str(new), "w", options=options) as target:
        streams = [target.add_stream_from_template(stream) for stream in source.streams]
        for packet in source.demux():
            if packet.dts is not None and (kept := change(packet)) is not None:
                kept.stream = streams[packet.stream.index]
                target.mux(kept)
    return new


def moved(packet: av.Packet, seconds: float) -> av.Packet:
    ticks = round(seconds / float(packet.time_base))
    packet.pts, packet.dts = packet.pts + ticks, packet.dts + ticks
    return packet


@pytest.mark.fault("A10")
@pytest.mark.parametrize("container", ["mp4", "mkv", "ts"])
def test_a_jump_forward_is_a_gap(made: MakeFilm, tmp_path: Path, reader: Reader, container: str) -> None:
    whole = made(Film(container=container, audio="mp3", b_frames=0))
    where = 48 / 25

    def later(packet: av.Packet) -> av.Packet:
        return moved(packet, 3.0 if packet.pts * packet.time_base - start >= where else 0.0)

    with av.open(str(whole.path)) as film:
        start = min(stream.start_time * stream.time_base for stream in film.streams if stream.start_time is not None)
    path = remux(whole.path, tmp_path / f"film.{container}", later)
    with reader.open(str(path), "film") as media:
        for times in ([1.0, 1.5], [1.8, 2.5, 4.0, 4.8], [5.5, 6.5]):
            shown = [number(picture) for picture in media.frames(times).pixels]
            moments = np.concatenate([whole.frames[:48], whole.frames[48:] + 3])
            assert shown == (np.searchsorted(moments, np.array(times) + 0.0006, side="right") - 1).tolist()
        assert not media.sound(2.5, 16_000, 16_000).any()
        heard = media.sound(whole.events[2] + 3 - 0.1, 4_800, 16_000)
        assert np.abs(heard[1_600:2_200]).max() > 0.3


@pytest.mark.fault("A10")
def test_a_clock_that_goes_back(made: MakeFilm, tmp_path: Path, reader: Reader) -> None:
    content = made(Film(container="ts", audio="mp3")).path.read_bytes()
    path = tmp_path / "film.ts"
    path.write_bytes(content + content)
    with reader.open(str(path), "film") as media:
        assert [number(picture) for picture in media.frames([0.5, 3.0]).pixels] == [11, 74]
        with pytest.raises(MediaError, match="the clock jumps back") as caught:
            media.frames([6.0, 7.0])
        assert caught.value.fault is Fault.BAD_TIMESTAMPS


@pytest.mark.fault("A10")
@pytest.mark.parametrize("at", [4557.0, 95_442.0])
def test_a_clock_that_starts_late_or_wraps(made: MakeFilm, reader: Reader, at: float) -> None:
    """MPEG-TS counts to 2**33 / 90 kHz = 95443.7 s and begins again."""
    whole = made(Film(container="ts", audio="mp3", video_at=at, audio_at=at + 0.5))
    with reader.open(str(whole.path), "film") as media:
        times = np.array([0.5, 1.5, 2.5, 4.0])
        shown = [number(picture) for picture in media.frames(times.tolist()).pixels]
        assert shown == (np.searchsorted(whole.frames, times + 0.0006, side="right") - 1).tolist()
        assert media.info.duration == pytest.approx(5.1, abs=0.03)


@pytest.mark.fault("A9")
@pytest.mark.parametrize("container", ["mkv", "mp4"])
def test_times_below_zero(made: MakeFilm, tmp_path: Path, reader: Reader, container: str) -> None:
    whole = made(Film(container="mkv", audio="flac", b_frames=0))
    path = remux(
        whole.path, tmp_path / f"film.{container}", lambda packet: moved(packet, -0.48), avoid_negative_ts="disabled"
    )
    with reader.open(str(path), "film") as media:
        assert media.info.video is not None
        # MP4 hides what is before 0; of Matroska, FFmpeg gives the sound there, and the pictures without times.
        start, shift = {"mkv": (0.48, 0.0), "mp4": (0.0, 0.48)}[container]
        assert media.info.video.start == pytest.approx(start, abs=0.001)
        times = np.array([0.5, 1.5, 2.5, 4.0])
        shown = [number(picture) for picture in media.frames(times.tolist()).pixels]
        assert shown == (np.searchsorted(whole.frames, times + shift + 0.0006, side="right") - 1).tolist()
        heard = media.sound(whole.events[0] - shift - 0.1, 4_800, 16_000)
        assert np.abs(heard[1_600:2_200]).max() > 0.3


@pytest.mark.fault("A9")
def test_pictures_without_times(tmp_path: Path, write_pictures: Callable[..., None], reader: Reader) -> None:
    path = tmp_path / "film.h264"
    write_pictures(path, np.zeros((20, 48, 64), np.uint8))
    with pytest.raises(MediaError, match="the film: not a recording in a container") as caught:
        reader.open(str(path), "the film")
    assert caught.value.fault is Fault.UNRECOGNIZED
