"""Films that end too early: what is there is right, what is not is named, nothing stands in for it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.films import Film, Made, number
from mmssl.data.decode.pyav import PyAVReader
from mmssl.data.decode.reader import Media, Reader
from mmssl.errors import Fault, MediaError

FASTSTART = (("movflags", "faststart"),)
RATE = 16_000
FILMS = [
    Film(audio="mp3", muxer=FASTSTART),
    Film(audio="flac", gop=250, b_frames=4, muxer=FASTSTART),
    Film(audio="aac"),  # its index is at the end
    Film(muxer=(("movflags", "frag_keyframe+delay_moov"),)),
    Film(container="mov", audio="pcm_s16le", muxer=FASTSTART),
    Film(container="mkv", audio="opus"),
    Film(container="webm", video="libvpx-vp9", audio="vorbis"),
    Film(container="avi", video="mpeg4", audio="pcm_s16le"),
    Film(container="ts", audio="mp3"),
]
TELLS_LENGTH = {"mp4", "mov", "mkv", "webm"}

both = pytest.mark.parametrize(
    "reader",
    [PyAVReader(), pytest.param(PyAVReader(tables=False), marks=pytest.mark.slow)],
    ids=["tables", "container"],
)


@contextmanager
def lost_is_named(*others: Fault) -> Iterator[None]:
    """What is not there may be refused as truncated or corrupt."""
    try:
        yield
    except MediaError as error:
        if error.fault not in {Fault.TRUNCATED, Fault.CORRUPT, *others} or error.name != "the film":
            raise


@both
@pytest.mark.fault("M7", "M8")
@pytest.mark.parametrize("film", FILMS, ids=str)
def test_cut_at_every_twentieth(
    film: Film,
    made: Callable[[Film], Made],
    reader: Reader,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    record_property("cases", 19)
    whole = made(film)
    content = whole.path.read_bytes()
    with reader.open(str(whole.path), "the film") as media:
        sound = media.sound(0.0, round(RATE * media.info.duration), RATE)
    right = 0
    for part in range(1, 20):
        path = tmp_path / f"{part}.{film.container}"
        path.write_bytes(content[: len(content) * part // 20])
        with lost_is_named(Fault.UNRECOGNIZED), reader.open(str(path), "the film") as media:
            ends = [s.start + s.duration for s in (media.info.video, media.info.audio) if s is not None]
            for start in (0.3, 2.0, 3.9, min(ends) - 0.45):
                if 0 <= start < min(ends) - 0.4:
                    with lost_is_named():
                        pictures_are_right(media, whole, start)
                        right += 1
                    with lost_is_named(Fault.NO_AUDIO):
                        sound_is_right(media, sound, start)
                        right += 1
    assert right > 20 or film == FILMS[2]


@both
@pytest.mark.fault("M8")
@pytest.mark.parametrize("film", [film for film in FILMS if film.container in TELLS_LENGTH], ids=str)
def test_the_last_pictures_before_a_cut(
    film: Film, made: Callable[[Film], Made], reader: Reader, tmp_path: Path
) -> None:
    """With B-frames the last packet that is left may be shown after some that are lost."""
    whole = made(film)
    content = whole.path.read_bytes()
    for cut in range(len(content) * 7 // 10, len(content) * 8 // 10, len(content) // 97):
        path = tmp_path / f"{cut}.{film.container}"
        path.write_bytes(content[:cut])
        with lost_is_named(), reader.open(str(path), "the film") as media:
            assert media.info.video is not None
            end = media.info.video.start + media.info.video.duration
            for start in np.arange(2.6, min(end - 0.3, 4.2), 0.17):
                with lost_is_named():
                    pictures_are_right(media, whole, float(start))


def pictures_are_right(media: Media, whole: Made, start: float) -> None:
    times = start + np.arange(4) * 0.1
    shown = [number(picture) for picture in media.frames(times.tolist()).pixels]
    assert shown == (np.searchsorted(whole.frames, times + 0.0006, side="right") - 1).tolist()


def sound_is_right(media: Media, sound: NDArray[np.float32], start: float) -> None:
    there = sound[round(start * RATE) :][:4800]
    np.testing.assert_allclose(media.sound(start, 4800, RATE)[: len(there)], there, atol=0.02)
