"""A packet table gives what the container gives, to the bit, and nothing else happens when it is wrong."""

import io
import os
import struct
import tarfile
import zlib
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from mmssl.data.decode import indexed_audio, indexed_video, pyav
from mmssl.data.decode.limits import Limits
from mmssl.data.decode.pyav import PyAVMedia, PyAVReader
from mmssl.data.pack import pack
from mmssl.data.packets import store
from mmssl.data.packets.content import packets
from mmssl.data.packets.encoding import decode, encode
from mmssl.data.packets.store import STORE, Store, table_of
from mmssl.data.packets.table import DROPPABLE, PacketTable
from mmssl.data.slices import Slice, slice_of
from mmssl.data.sources import open_recordings
from mmssl.errors import Fault, MediaError

FilmMaker = Callable[..., Any]
X264 = (("x264-params", "open-gop=1:keyint=12:bframes=3:b-pyramid=normal:scenecut=0"),)

FILMS: dict[str, dict[str, Any]] = {
    "mp4": {},
    "mp4 one GOP": {"gop": 250, "b_frames": 3},
    "mp4 open GOPs": {"encoder": X264},
    "mp4 fragmented": {"muxer": (("movflags", "frag_keyframe+delay_moov"),)},
    "mp4 variable rate": {"steps": (20, 70, 40, 30), "gop": 250},
    "mp4 sound late": {"audio_at": 0.5},
    "mp4 picture late": {"video_at": 0.48},
    "mp4 rotated": {"rotation": 90},
    "mp4 HEVC": {"video": "libx265", "size": (64, 64), "encoder": (("x265-params", "log-level=none:keyint=12"),)},
    "mp4 MPEG-4": {"video": "mpeg4"},
    "mp4 AV1, MP3": {"video": "libsvtav1", "audio": "mp3", "size": (64, 64)},
    "mov MJPEG, PCM": {"suffix": "mov", "video": "mjpeg", "pixels": "yuvj420p", "audio": "pcm_s16le", "b_frames": 0},
    "mov 24 bit": {"suffix": "mov", "audio": "pcm_s24le"},
    "mkv FLAC": {"suffix": "mkv", "audio": "flac", "steps": (33, 20, 90)},
    "mkv Opus": {"suffix": "mkv", "audio": "libopus", "rate": 48000, "gop": 250},
    "webm VP9 Opus": {"suffix": "webm", "video": "libvpx-vp9", "audio": "libopus", "rate": 48000},
    "webm VP8 Opus": {"suffix": "webm", "video": "libvpx", "audio": "libopus", "rate": 48000},
    "wav": {"suffix": "wav", "video": None, "audio": "pcm_s16le"},
    "flac": {"suffix": "flac", "video": None, "audio": "flac"},
    "mp3": {"suffix": "mp3", "video": None, "audio": "mp3"},
    "m4a": {"suffix": "m4a", "video": None},
    "ogg Opus": {"suffix": "ogg", "video": None, "audio": "libopus", "rate": 48000},
}


def visited(path: Path) -> PyAVMedia:
    """Open with its table, without its container."""
    with PyAVReader().open(str(path), "film"):
        pass
    return PyAVReader().open(str(path), "film")


@pytest.mark.parametrize("name", FILMS)
def test_the_same_as_by_the_container(film: FilmMaker, name: str) -> None:
    path = film(**FILMS[name]).path
    with visited(path) as media, PyAVReader(tables=False).open(str(path), "film") as plain:
        assert media.info == plain.info
        for start in (0.0, 1.1, 0.45, 1.6):
            if plain.info.video is not None:
                times = np.linspace(start, start + 0.7, 9).tolist()
                for size in (None, (40, 24)):
                    ours, theirs = media.frames(times, size), plain.frames(times, size)
                    np.testing.assert_array_equal(ours.pixels, theirs.pixels)
                    np.testing.assert_array_equal(ours.times, theirs.times)
            if plain.info.audio is not None:
                # AAC's noise goes on where it was, so each window of it is compared with that of a decoder just opened.
                for rate in (16_000, plain.info.audio.sample_rate):
                    with PyAVReader(tables=False).open(str(path), "film") as fresh:
                        heard = fresh.sound(start, rate // 2, rate)
                    np.testing.assert_array_equal(media.sound(start, rate // 2, rate), heard)
        assert media._opened is None, "the container was asked"


def test_windows_far_apart_are_one_pass_over_their_groups(film: FilmMaker, monkeypatch: pytest.MonkeyPatch) -> None:
    path = film(gop=12, b_frames=2).path
    with visited(path) as media:
        assert media.table is not None
        video = media.table.video
        assert video is not None
        decoded: list[int] = []

        def counted(stream: Any, numbers: Any, part: Any) -> Any:
            decoded.extend(numbers.tolist())
            return packets(stream, numbers, part)

        monkeypatch.setattr(indexed_video, "packets", counted)
        # 60 pictures of 0.04 s in groups of 12: the first, the third twice, the fourth.
        times = [0.1, 0.2, 1.0, 1.1, 1.05 + 0.06, 1.3, 1.5]
        shown = media.frames(sorted(times), (24, 32))
        assert len(decoded) == len(set(decoded))
        assert not set(decoded) & set(range(14, 24))
        assert len(decoded) < 36
        for time, picture in zip(sorted(times), shown.pixels, strict=True):
            np.testing.assert_array_equal(media.frames([time], (24, 32)).pixels[0], picture)


def test_windows_of_sound_do_not_depend_on_those_before(film: FilmMaker) -> None:
    with visited(film(audio="aac").path) as media:
        first = media.sound(1.0, 16_000, 16_000)
        media.sound(0.2, 16_000, 16_000)
        np.testing.assert_array_equal(media.sound(1.0, 16_000, 16_000), first)


@pytest.mark.parametrize("settings", [{"suffix": "ts"}, {"suffix": "avi", "video": "mpeg4", "audio": "pcm_s16le"}])
def test_what_no_table_fits_is_read_by_its_container(film: FilmMaker, settings: dict[str, Any]) -> None:
    path = film(**settings).path
    with visited(path) as media:
        assert media.table is None
        assert media.frames([0.5], (8, 8)).pixels.shape == (1, 8, 8, 3)
    assert table_of(io.BytesIO(path.read_bytes()), "film") is None


def test_a_table_is_small_and_comes_back_as_it_was(film: FilmMaker) -> None:
    content = film(b_frames=2).path.read_bytes()
    data = table_of(io.BytesIO(content), "film")
    assert data is not None
    assert len(data) < 1_500
    table = decode(data, len(content))
    assert table is not None
    assert table.video is not None
    assert (table.video.flags & DROPPABLE).any()
    assert encode(table) == data
    assert decode(data, len(content) + 1) is None
    assert decode(data[:-1], len(content)) is None


def forged(data: bytes, change: Callable[[bytearray], None]) -> bytes:
    """A table with other contents and a checksum that fits them."""
    head = struct.Struct(">4sBII")
    magic, version, _, _ = head.unpack_from(data)
    raw = bytearray(zlib.decompress(data[head.size :]))
    change(raw)
    body = zlib.compress(bytes(raw))
    return head.pack(magic, version, zlib.crc32(body), len(raw)) + body


def opened(content: bytes, table: bytes) -> PyAVMedia:
    """As a member of a shard that brings its own table."""

    class Kept:
        name, size, changed = f"{zlib.crc32(table)}", len(content) + len(table), "now"

        def read(self, offset: int, count: int, until: int) -> bytes:
            return (content + table)[offset : offset + count]

    part = Slice(Kept(), 0, len(content), (len(content), len(table)))
    return PyAVReader().open(io.BufferedReader(part), "film")


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_hostile_tables_change_nothing(film: FilmMaker, suffix: str) -> None:
    path = film(suffix=suffix, audio="flac").path
    content = path.read_bytes()
    data = table_of(io.BytesIO(content), "film")
    assert data is not None
    with PyAVReader(tables=False).open(str(path), "film") as plain:
        theirs, heard = plain.frames([0.3, 1.5], (16, 16)), plain.sound(0.7, 8_000, 16_000)
    draws, used = np.random.default_rng(0), 0
    for _ in range(150):

        def change(raw: bytearray) -> None:
            for _ in range(draws.integers(1, 4)):
                raw[draws.integers(4, len(raw))] = draws.integers(0, 256)

        with opened(content, forged(data, change)) as media:
            used += media.table is not None
            # It may lie about times and what is shown: nothing tells those from true ones. It may not do harm.
            ours = media.frames([0.3, 1.5], (16, 16))
            assert ours.pixels.shape == theirs.pixels.shape
            assert media.sound(0.7, 8_000, 16_000).shape == heard.shape
    assert 0 < used < 150


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"decoder":"h264"', b'"decoder":"hevc"'),
        (b'"decoder":"h264"', b'"decoder":"wrap"'),
        (b'"codec":"h264"', b'"codec":"hevc"'),
        (b'"tick":[1,', b'"tick":[0,'),
        (b'"matrix":[1,0,0,1]', b'"matrix":[1,0,0,0]'),
        (b'"width":64', b'"width":-4'),
        (b'"columns":[["i1"', b'"columns":[["O1"'),
        (b'"duration":', b'"duratiom":'),
        (b'"info":{', b'"info":[['),
        (b'"sample_rate":44100,"layout"', b'"sample_rate":0,"layout"'),
        (b'"size":[64,48]', b'"size":[9999999999,48]'),
    ],
)
def test_facts_that_cannot_be_are_no_table(film: FilmMaker, old: bytes, new: bytes) -> None:
    path = film().path
    content = path.read_bytes()
    data = table_of(io.BytesIO(content), "film")
    assert data is not None

    def change(raw: bytearray) -> None:
        assert old in raw
        raw[:] = raw.replace(old, new, 1)

    with opened(content, forged(data, change)) as media, PyAVReader(tables=False).open(str(path), "film") as plain:
        np.testing.assert_array_equal(media.frames([0.5], (16, 16)).pixels, plain.frames([0.5], (16, 16)).pixels)


@pytest.mark.parametrize("limits", [Limits(seconds=1.0), Limits(pixels=1000), Limits(streams=1), Limits(channels=1)])
def test_limits_hold_with_a_table(film: FilmMaker, limits: Limits) -> None:
    path = film().path
    with visited(path):
        pass
    with pytest.raises(MediaError) as caught:
        PyAVReader(limits).open(str(path), "film")
    assert caught.value.fault is Fault.TOO_LARGE
    with pytest.raises(MediaError) as caught:
        PyAVReader(codecs=frozenset({"aac"})).open(str(path), "film")
    assert caught.value.fault is Fault.UNSUPPORTED


def test_a_refused_recording_gets_its_table_later(film: FilmMaker, tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(film().path.read_bytes())
    for _ in range(2):
        with pytest.raises(MediaError):
            PyAVReader(Limits(seconds=1.0)).open(str(path), "film")
    with visited(path) as media:
        assert media.table is not None


def test_without_a_cache_nothing_is_made_twice(film: FilmMaker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MMSSL_CACHE_GB", "0")
    kept = Store()
    monkeypatch.setattr(pyav, "STORE", kept)
    path = str(film(gop=7).path)
    with PyAVReader().open(path, "film") as media:
        assert media.table is not None
        theirs = media.frames([1.0]).pixels
    kept.forget()
    with PyAVReader().open(path, "film") as media:
        assert media.table is None
        np.testing.assert_array_equal(media.frames([1.0]).pixels, theirs)


def test_few_tables_stay_in_memory(film: FilmMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "PACKETS", 200)  # one film has 60 pictures and about 100 packets of sound
    kept = Store()
    monkeypatch.setattr(pyav, "STORE", kept)
    for number in range(4):
        path = tmp_path / f"{number}.mp4"
        path.write_bytes(film().path.read_bytes())
        visited(path)
    assert len(kept._tables) == 1


def test_a_file_that_changed_under_its_table(film: FilmMaker, tmp_path: Path, number: Callable[..., int]) -> None:
    path, whole = tmp_path / "film.mp4", film(muxer=(("movflags", "faststart"),), audio=None).path.read_bytes()
    path.write_bytes(whole)
    stamp = path.stat().st_mtime_ns
    with visited(path) as media:
        assert number(media.frames([1.5]).pixels[0]) == 37
    # Damaged in the middle, and nothing about the file tells.
    middle = whole.index(b"mdat") + (len(whole) - whole.index(b"mdat")) // 2
    path.write_bytes(whole[:middle] + bytes(1500) + whole[middle + 1500 :])
    os.utime(path, ns=(stamp, stamp))
    with PyAVReader().open(str(path), "film") as media:
        assert media.table is not None
        assert number(media.frames([0.3]).pixels[0]) == 7
        with pytest.raises(MediaError) as caught:
            media.frames(np.arange(0.5, 2.3, 0.04).tolist())
        assert caught.value.fault is Fault.CORRUPT
    path.write_bytes(whole[: int(len(whole) * 0.6)])
    with PyAVReader().open(str(path), "film") as media, pytest.raises(MediaError) as caught:
        media.frames([2.3])
    assert caught.value.fault is Fault.TRUNCATED


def test_a_picture_larger_than_the_table_says_is_not_decoded(film: FilmMaker) -> None:
    path = film(size=(96, 128)).path
    content = path.read_bytes()
    data = table_of(io.BytesIO(content), "film")
    assert data is not None

    def change(raw: bytearray) -> None:
        for old, new in (
            (b'"size":[128,96]', b'"size":[16,16]'),
            (b'"width":128,"height":96', b'"width":16,"height":16'),
        ):
            assert old in raw
            raw[:] = raw.replace(old, new + b" " * (len(old) - len(new)), 1)

    lie = forged(data, change)
    part = slice_of(str(path))
    assert part is not None
    table = decode(lie, len(content))
    assert isinstance(table, PacketTable)
    reader = PyAVReader(Limits(pixels=1000))
    STORE._remember(f"{part.ranges.name}\0{part.stamp}", table)
    try:
        with reader.open(str(path), "film") as media, pytest.raises(MediaError) as caught:
            media.frames([0.5])
        assert caught.value.fault is Fault.TOO_LARGE
    finally:
        STORE.forget()


def test_edit_lists_hide_the_same(film: FilmMaker, tmp_path: Path) -> None:
    """Cut by an edit list: the film begins in the middle of a group of pictures, and of a packet of sound."""
    path = tmp_path / "cut.mp4"
    with av.open(str(film(gop=30).path)) as whole, av.open(str(path), "w") as cut:
        streams = {stream.index: cut.add_stream_from_template(stream) for stream in whole.streams}
        for packet in whole.demux():
            if packet.dts is None:
                continue
            shift = round(Fraction(7, 10) / packet.time_base)
            packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
            packet.stream = streams[packet.stream.index]
            cut.mux(packet)
    with visited(path) as media, PyAVReader(tables=False).open(str(path), "film") as plain:
        assert media.info == plain.info
        for times in ([-0.5, 0.0, 0.01], [0.3, 0.5, 0.9, 1.2]):
            np.testing.assert_array_equal(media.frames(times).pixels, plain.frames(times).pixels)
            np.testing.assert_array_equal(media.frames(times).times, plain.frames(times).times)


def test_a_shard_keeps_the_tables_of_what_is_in_it(film: FilmMaker, tmp_path: Path) -> None:
    folder = tmp_path / "films"
    folder.mkdir()
    for name, settings in (("a.mp4", {}), ("b.ts", {"suffix": "ts"}), ("c.mp4", {"gop": 250})):
        (folder / name).write_bytes(film(**settings).path.read_bytes())
    (folder / "a.txt").write_text("a flash")
    pack(str(folder), tmp_path / "shards", workers=1)
    shard = next((tmp_path / "shards").glob("*.tar"))
    with tarfile.open(shard) as tar:
        names = tar.getnames()
    assert names == ["a.mp4", "a.packets", "a.json", "a.txt", "b.ts", "b.json", "c.mp4", "c.packets", "c.json"]
    packed, files = open_recordings(str(shard)), open_recordings(str(folder))
    assert packed[0] == files[0]  # nothing of it shows
    for number, tabled in enumerate((True, False, True)):
        source = packed.source(number)
        assert not isinstance(source, str)
        with source, PyAVReader().open(source, "film") as ours:
            path = str(files.source(number))
            with PyAVReader(tables=False).open(path, path) as theirs:
                assert (ours.table is not None) == tabled
                times = [0.3, 0.9, 2.0]
                np.testing.assert_array_equal(ours.frames(times).pixels, theirs.frames(times).pixels)
                np.testing.assert_array_equal(ours.frames(times).times, theirs.frames(times).times)
            assert (ours._opened is None) == tabled


def test_shards_of_others_are_tabled_on_the_first_visit(film: FilmMaker, tmp_path: Path) -> None:
    content = film().path.read_bytes()
    with tarfile.open(tmp_path / "theirs.tar", "w") as tar:
        member = tarfile.TarInfo("a.mp4")
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    recordings = open_recordings(str(tmp_path / "theirs.tar"))
    for visit in range(2):
        source = recordings.source(0)
        assert not isinstance(source, str)
        with source, PyAVReader().open(source, "film") as media:
            media.frames([0.5])
            media.sound(0.5, 100, 16_000)
            assert (media._opened is None) == (visit > 0)


def test_sound_whose_channels_change_within() -> None:
    """As damaged AAC has it; frames are mixed some at a time."""
    mixer, drawn = indexed_audio._Mixer(), np.random.default_rng(0)
    expected = []
    for number, (layout, channels) in enumerate([("stereo", 2), ("mono", 1), ("5.1", 6), ("stereo", 2)] * 3):
        samples = drawn.normal(size=(channels, 20_000)).astype(np.float32)
        for part in np.split(samples, 4, axis=1):
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(part), "fltp", layout)
            frame.pts = 7 * number
            mixer.add(frame)
        expected.append(samples.mean(axis=0, dtype=np.float64))
    np.testing.assert_allclose(mixer.all(), np.concatenate(expected), atol=1e-6)
