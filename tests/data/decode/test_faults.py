"""Each broken or hostile file gives its named fault, from every backend, and never hangs or opens another file."""

import io
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from mmssl.data.decode.decord import DecordReader
from mmssl.data.decode.limits import Limits
from mmssl.data.decode.pyav import PyAVReader
from mmssl.errors import Fault, MediaError

FilmMaker = Callable[..., Any]
FASTSTART = (("movflags", "faststart"),)


PYAV = {"pyav": PyAVReader(), "pyav without tables": PyAVReader(tables=False)}


@pytest.fixture(params=[*PYAV.values(), DecordReader()], ids=[*PYAV, "decord"])
def reader(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture(params=PYAV)
def pyav(request: pytest.FixtureRequest) -> PyAVReader:
    return PYAV[request.param]


def fault(reader: Any, path: Path | io.BytesIO) -> Fault:
    with pytest.raises(MediaError) as caught:
        reader.open(path if isinstance(path, io.BytesIO) else str(path), "the film")
    assert str(caught.value).startswith("the film: ")
    return caught.value.fault


@pytest.mark.fault("M1", "M3")
@pytest.mark.timeout(10)
def test_what_is_no_regular_file(tmp_path: Path, reader: Any) -> None:
    (tmp_path / "dangling.mp4").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe.mp4")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket.mp4"))
        assert fault(reader, tmp_path / "socket.mp4") is Fault.NOT_REGULAR
    assert fault(reader, tmp_path / "pipe.mp4") is Fault.NOT_REGULAR
    assert fault(reader, tmp_path) is Fault.NOT_REGULAR
    assert fault(reader, Path("/dev/zero")) is Fault.NOT_REGULAR
    assert fault(reader, tmp_path / "dangling.mp4") is Fault.MISSING
    assert fault(reader, tmp_path / "missing.mp4") is Fault.MISSING
    assert fault(reader, Path("zero\0byte")) is Fault.MISSING


@pytest.mark.fault("M2")
@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read(tmp_path: Path, film: FilmMaker, reader: Any) -> None:
    path = tmp_path / "secret.mp4"
    path.write_bytes(film().path.read_bytes())
    path.chmod(0)
    assert fault(reader, path) is Fault.PERMISSION


@pytest.mark.fault("M1")
@pytest.mark.parametrize("address", ["http://127.0.0.1:9/a.mp4", "concat:/etc/hosts", "pipe:0", "file:/etc/hosts"])
def test_addresses_are_names_of_files(reader: Any, address: str) -> None:
    with pytest.raises(MediaError) as caught:
        reader.open(address, "the film")
    assert caught.value.fault is Fault.MISSING


def test_the_address_of_one_film(reader: Any) -> None:
    path = str(Path("s3://bucket/a.mp4"))
    with pytest.raises(MediaError, match="copy the file to this machine first") as caught:
        reader.open(path, path)
    assert caught.value.fault is Fault.MISSING


@pytest.mark.fault("M4", "M5")
@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", Fault.EMPTY),
        (b"\0", Fault.UNRECOGNIZED),
        (b"This is no film.\n" * 100, Fault.UNRECOGNIZED),
        (b"<!DOCTYPE html><html><body>404</body></html>" * 50, Fault.UNRECOGNIZED),
        (np.random.default_rng(0).bytes(20_000), Fault.UNRECOGNIZED),
    ],
    ids=["empty", "one byte", "text", "html", "noise"],
)
def test_what_is_no_recording(tmp_path: Path, reader: Any, content: bytes, expected: Fault) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(content)
    assert fault(reader, path) is expected
    assert fault(PyAVReader(), io.BytesIO(content)) is expected


@pytest.mark.fault("X1")
def test_a_playlist_named_mp4_opens_nothing(tmp_path: Path, film: FilmMaker, reader: Any) -> None:
    target = film(suffix="ts").path
    playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:2.4,\n{target}\n#EXT-X-ENDLIST\n"
    concat = f"ffconcat version 1.0\nfile '{target}'\n"
    for name, content in (("hls.mp4", playlist), ("concat.mp4", concat)):
        path = tmp_path / name
        path.write_text(content)
        assert fault(reader, path) is Fault.UNRECOGNIZED
        assert fault(PyAVReader(), io.BytesIO(content.encode())) is Fault.UNRECOGNIZED
    # The danger is real: without the white lists the other file is read.
    with av.open(str(tmp_path / "concat.mp4"), options={"safe": "0"}) as container:
        assert container.streams.video


@pytest.mark.fault("M6", "M7")
def test_an_mp4_cut_before_its_index(tmp_path: Path, film: FilmMaker, reader: Any) -> None:
    path = tmp_path / "film.mp4"
    content = film().path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    assert fault(reader, path) is Fault.TRUNCATED
    assert fault(PyAVReader(), io.BytesIO(path.read_bytes())) is Fault.TRUNCATED
    damaged = content.replace(b"mvhd", b"xxxx").replace(b"trak", b"yyyy")
    path.write_bytes(damaged)
    assert fault(reader, path) in {Fault.CORRUPT, Fault.UNSUPPORTED}


@pytest.mark.fault("M8")
@pytest.mark.parametrize(
    "settings",
    [{"muxer": FASTSTART}, {"muxer": FASTSTART, "gop": 250}, {"suffix": "mkv"}, {"suffix": "avi", "video": "mpeg4"}],
    ids=["mp4", "mp4 one GOP", "mkv", "avi"],
)
def test_a_film_cut_in_the_middle(tmp_path: Path, film: FilmMaker, pyav: PyAVReader, settings: dict[str, Any]) -> None:
    content = film(**settings, audio="mp3").path.read_bytes()
    path = tmp_path / "film"
    path.write_bytes(content[: int(len(content) * 0.6)])
    with pyav.open(str(path), "the film") as media:
        assert media.frames([0.1, 0.4]).pixels.shape[0] == 2
        assert np.abs(media.sound(0.0, 16_000, 16_000)).max() > 0.3
        for ask in (
            lambda: media.frames([0.1, 2.2]),
            lambda: media.frames([2.3]),
            lambda: media.sound(1.5, 9000, 10_000),
        ):
            with pytest.raises(MediaError) as caught:
                ask()
            assert caught.value.fault is Fault.TRUNCATED
        assert media.frames([0.1, 0.4]).pixels.shape[0] == 2


@pytest.mark.fault("M12")
def test_a_modality_that_is_absent(film: FilmMaker, reader: Any) -> None:
    with reader.open(str(film(audio=None).path), "the film") as media:
        assert media.info.audio is None
        with pytest.raises(MediaError) as caught:
            media.sound(0.0, 100, 16_000)
        assert caught.value.fault is Fault.NO_AUDIO
    with reader.open(str(film(video=None).path), "the film") as media:
        assert media.info.video is None
        with pytest.raises(MediaError) as caught:
            media.frames([0.0])
        assert caught.value.fault is Fault.NO_VIDEO


@pytest.mark.fault("M10")
def test_damage_in_the_middle_is_not_given_as_a_picture(tmp_path: Path, film: FilmMaker, pyav: PyAVReader) -> None:
    content = bytearray(film(muxer=FASTSTART, audio=None).path.read_bytes())
    begin = content.index(b"mdat")
    middle = begin + (len(content) - begin) // 2
    content[middle : middle + 1500] = bytes(1500)
    path = tmp_path / "film.mp4"
    path.write_bytes(content)
    with pyav.open(str(path), "the film") as media:
        assert media.frames([0.1, 0.3]).pixels.shape[0] == 2
        with pytest.raises(MediaError) as caught:
            media.frames(np.arange(0.5, 2.3, 0.04).tolist())
        assert caught.value.fault is Fault.CORRUPT


@pytest.mark.fault("A12")
def test_numbers_that_are_not_finite_are_no_sound(tmp_path: Path, pyav: PyAVReader) -> None:
    path = tmp_path / "sound.wav"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_f32le", rate=16_000, layout="mono")
        wave = np.zeros((1, 16_000), np.float32)
        wave[0, 9_000] = np.nan
        frame = av.AudioFrame.from_ndarray(wave, format="flt", layout="mono")
        frame.sample_rate = 16_000
        container.mux([*stream.encode(frame), *stream.encode(None)])
    with pyav.open(str(path), "the sound") as media:
        assert not media.sound(0.0, 4_000, 16_000).any()
        with pytest.raises(MediaError) as caught:
            media.sound(0.4, 4_000, 16_000)
        assert caught.value.fault is Fault.CORRUPT


@pytest.mark.fault("M20")
@pytest.mark.parametrize(
    "limits", [Limits(size=100), Limits(seconds=1.0), Limits(pixels=1000), Limits(streams=1), Limits(channels=1)]
)
def test_limits(film: FilmMaker, limits: Limits) -> None:
    assert fault(PyAVReader(limits), film().path) is Fault.TOO_LARGE


@pytest.mark.fault("M23")
def test_codecs_that_are_not_allowed(film: FilmMaker) -> None:
    assert fault(PyAVReader(codecs=frozenset({"aac"})), film().path) is Fault.UNSUPPORTED


@pytest.mark.fault("M9")
@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts", "avi"])
def test_noise_in_a_file_gives_named_faults_alone(
    tmp_path: Path, film: FilmMaker, pyav: PyAVReader, suffix: str
) -> None:
    content = film(suffix=suffix, video="mpeg4" if suffix == "avi" else "libx264", muxer=FASTSTART * (suffix == "mp4"))
    whole, named = content.path.read_bytes(), 0
    for seed in range(40):
        draws = np.random.default_rng(seed)
        damaged = bytearray(whole[: draws.integers(100, len(whole)) if seed % 3 == 0 else len(whole)])
        for _ in range(draws.integers(1, 30)):
            damaged[draws.integers(0, len(damaged) if seed % 2 else min(3000, len(damaged)))] = draws.integers(0, 256)
        path = tmp_path / f"{seed}.{suffix}"
        path.write_bytes(damaged)
        try:
            with pyav.open(str(path), "the film") as media:
                assert media.frames([0.1, 0.9, 1.7], (16, 16)).pixels.shape == (3, 16, 16, 3)
                assert np.isfinite(media.sound(0.3, 8_000, 16_000)).all()
        except MediaError:
            named += 1
    assert named > 0
