"""Small data that would need far more memory, time or files than their size: refused before they are unpacked."""

import io
import os
import resource
import struct
import subprocess
import sys
import tarfile
import zlib
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from mmssl.applications.inputs import FORMATS, PIXELS, image_batch
from mmssl.applications.model import Model
from mmssl.data.captions import captions_beside
from mmssl.data.clips import Clips
from mmssl.data.loader import evaluation_batches
from mmssl.data.probe import probe
from mmssl.data.skipped import Skipped
from mmssl.data.sources import open_recordings
from mmssl.data.tar import END, header, padding
from mmssl.data.text import LARGEST
from mmssl.errors import Fault, MediaError, MmsslError

ROOM = 1 << 28  # bytes that a refusal may need


@pytest.fixture
def frugal() -> Any:
    """The most memory that this process ever held grows by less than `ROOM` in a test."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < ROOM


def png(width: int, height: int, extra: bytes = b"") -> bytes:
    """One that says it is so large, with next to nothing in it."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(1 << 20))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + extra + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def fault(path: Path, model: Model) -> Fault:
    with pytest.raises(MediaError) as caught:
        model.query(image=path)
    assert str(caught.value).startswith(f"{path}: ")
    return caught.value.fault


@pytest.mark.fault("X4")
@pytest.mark.usefixtures("frugal")
@pytest.mark.parametrize("size", [(30_000, 30_000), (10_001, 10_000), (2**31 - 1, 1), (65_000, 2_000)])
def test_pictures_of_far_too_many_pixels(tmp_path: Path, model: Model, size: tuple[int, int]) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(png(*size))
    assert fault(path, model) is Fault.TOO_LARGE
    jpeg = io.BytesIO()
    Image.new("RGB", (8, 8)).save(jpeg, "JPEG")
    data = bytearray(jpeg.getvalue())
    place = data.index(b"\xff\xc0") + 5
    data[place : place + 4] = struct.pack(">HH", *(min(side, 65_535) for side in size))
    if min(size[0], 65_535) * min(size[1], 65_535) > PIXELS:
        path.write_bytes(data)
        assert fault(path, model) is Fault.TOO_LARGE


@pytest.mark.fault("X4", "X3")
@pytest.mark.usefixtures("frugal")
@pytest.mark.timeout(20)
def test_what_is_no_picture(tmp_path: Path, model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL import EpsImagePlugin

    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", lambda *_, **__: pytest.fail("another program was called"))
    path = tmp_path / "a.png"
    os.mkfifo(tmp_path / "pipe.png")
    assert fault(tmp_path / "pipe.png", model) is Fault.NOT_REGULAR
    assert fault(tmp_path, model) is Fault.NOT_REGULAR
    assert fault(tmp_path / "nowhere.png", model) is Fault.MISSING
    path.write_bytes(b"")
    assert fault(path, model) is Fault.EMPTY
    eps = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(CANARY) (w) file closefile\nshowpage\n%%EOF\n"
    text = b"\0" * 4 + b"iTXt" + b"x"
    bomb = zlib.compress(bytes(1 << 25))
    packed = struct.pack(">I", len(bomb) + 3) + b"zTXt" + b"a\0\0" + bomb
    packed += struct.pack(">I", zlib.crc32(b"zTXt" + b"a\0\0" + bomb))
    for content in (
        eps,
        b"P6 9 9 255\n",
        text,
        png(200, 200)[:60],
        png(8, 8, packed),
        b"GIF89a",
        b"II*\0" + b"\xff" * 64,
    ):
        path.write_bytes(content)
        assert fault(path, model) is Fault.UNRECOGNIZED


@pytest.mark.fault("X4")
def test_mutated_pictures(tmp_path: Path, model: Model, record_property: Callable[..., None]) -> None:
    """Noise in real pictures of each format gives a picture or a named fault."""
    record_property("cases", 40 * len(FORMATS))
    rng = np.random.default_rng(0)
    picture = Image.fromarray(rng.integers(0, 255, (24, 24, 3), np.uint8))
    path, seen = tmp_path / "a", Counter[Any]()
    for name in FORMATS:
        held = io.BytesIO()
        picture.save(held, name)
        for _ in range(40):
            data = bytearray(held.getvalue())
            for place in rng.integers(0, len(data), rng.integers(1, 6)):
                data[place] = rng.integers(0, 256)
            path.write_bytes(data[: rng.integers(len(data) // 2, len(data) + 1)])
            try:
                seen[image_batch(path, model.format).video.shape[-1]] += 1
            except MediaError as error:
                seen[error.fault] += 1
    assert set(seen) <= {32, Fault.UNRECOGNIZED, Fault.TOO_LARGE}
    assert len(seen) >= 2


def film(path: Path, codec: str, width: int, height: int) -> Path:
    """One flat picture."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, 25)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuvj420p" if codec == "mjpeg" else "yuv420p"
        frame = av.VideoFrame(width, height, stream.pix_fmt)
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        for packet in (*stream.encode(frame), *stream.encode(None)):
            out.mux(packet)
    return path


_OPEN = """
import resource, sys
from mmssl.data.decode.pyav import PyAVReader
from mmssl.errors import MediaError
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    with PyAVReader().open(sys.argv[1], "film") as media:
        media.frames([0.0])
except MediaError as error:
    print(error.fault.value, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.slow
@pytest.mark.fault("X4")
def test_a_film_of_one_huge_picture(tmp_path: Path) -> None:
    """220 kB that other readers decode to 3 GB: in a process of its own, so that its memory can be told."""
    path = film(tmp_path / "a.mp4", "mpeg4", 8000, 8000)
    told = subprocess.run([sys.executable, "-c", _OPEN, path], capture_output=True, text=True, check=True, timeout=120)
    assert told.stdout.startswith("too large")
    # libav itself decodes one picture, to find out what the stream is.
    assert int(told.stdout.split()[-1]) < 400_000


@pytest.mark.fault("X4")
def test_a_film_that_lies_about_its_size(tmp_path: Path) -> None:
    """The container says 64x64, and the picture inside is of 6100x6100."""
    path = film(tmp_path / "a.avi", "mjpeg", 6100, 6100)
    data = path.read_bytes()
    path.write_bytes(data[:500].replace(struct.pack("<II", 6100, 6100), struct.pack("<II", 64, 64)) + data[500:])
    found = probe(path)
    assert found.broken
    assert found.broken[0][0] in {Fault.TOO_LARGE, Fault.CORRUPT, Fault.UNSUPPORTED}


@pytest.mark.fault("X4", "T2")
@pytest.mark.usefixtures("frugal")
@pytest.mark.timeout(30)
@pytest.mark.parametrize("suffix", ["txt", "json", "srt", "en.vtt"])
def test_text_of_gigabytes_and_pipes(tmp_path: Path, film_bytes: bytes, suffix: str) -> None:
    folder = tmp_path / "films"
    folder.mkdir()
    for name in ("big", "pipe", "good"):
        (folder / f"{name}.mp4").write_bytes(film_bytes)
    with (folder / f"big.{suffix}").open("wb") as file:
        file.truncate(8 << 30)  # a hole: it takes no room on the disk, and all of it in memory
    os.mkfifo(folder / f"pipe.{suffix}")
    skipped = Skipped(limit=1.0)
    clips = Clips(source=str(folder), seconds=1.0, frames=1, pixels=16).open()
    assert [key for batch in evaluation_batches(clips, 2, skipped=skipped) for key in batch.keys] == ["good"]
    assert sorted(f.value for f, _ in skipped.reasons.values()) == ["not a regular file", "too large"]
    for name, expected in (("big", Fault.TOO_LARGE), ("pipe", Fault.NOT_REGULAR)):
        with pytest.raises(MediaError) as caught:
            captions_beside(folder / f"{name}.mp4")
        assert caught.value.fault is expected
        assert (expected, f"{name}.{suffix}") in [
            (f, detail.split(":")[0]) for f, detail in probe(folder / f"{name}.mp4").broken
        ]


@pytest.mark.fault("X4", "T1")
@pytest.mark.parametrize(
    "text",
    ['{"a": ' + "9" * 5000 + "}", "[" * 100_000, '{"captions": ' + "[" * 900 + "]" * 900 + "}", '{"a": 1e999999}'],
    ids=["digits", "nested", "lists", "exponent"],
)
def test_json_that_is_hard_to_read(tmp_path: Path, text: str, film_bytes: bytes) -> None:
    (tmp_path / "a.mp4").write_bytes(film_bytes)
    (tmp_path / "a.json").write_text(text)
    (tmp_path / "a.jsonl").write_text(f'{{"path": "a.mp4", "x": {text}}}\n')
    (tmp_path / "a.csv").write_text(f'path,captions\na.mp4,"{text.replace(chr(34), chr(34) * 2)}"\n')
    for source in ("a.mp4", "a.jsonl", "a.csv"):
        with suppress(MmsslError):  # anything else is a traceback
            open_recordings(str(tmp_path / source))[0]


def tar(path: Path, members: list[tuple[str, bytes]]) -> Path:
    path.write_bytes(b"".join(header(n, len(d)) + d + padding(len(d)) for n, d in members) + END)
    return path


@pytest.mark.fault("S3")
@pytest.mark.usefixtures("frugal")
@pytest.mark.parametrize("count", [10_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_many_tiny_members(tmp_path: Path, count: int) -> None:
    """Read in seconds, with no file made: names are no paths."""
    block = header("00000000.wav", 1)

    def member(number: int) -> bytes:
        head = bytearray(block)
        head[0:8] = b"%08d" % number
        head[148:156] = b" " * 8
        head[148:156] = b"%06o\0 " % sum(head)
        return bytes(head) + b"x" + bytes(511)

    path = tmp_path / "a.tar"
    path.write_bytes(b"".join(map(member, range(count))) + END)
    recordings = open_recordings(str(path))
    assert len(recordings) == count
    assert recordings[count - 1].key == f"{count - 1:08d}"
    assert {entry.name for entry in tmp_path.iterdir()} <= {"a.tar", "a.tar.index.npz", "cache"}


@pytest.mark.fault("S3")
@pytest.mark.usefixtures("frugal")
@pytest.mark.timeout(30)
@pytest.mark.parametrize(
    "name", ["../../evil.mp4", "/tmp/evil.mp4", "a/../../evil.mp4", "..", "a\0/../b.mp4", "./../e.mp4"]
)
def test_names_of_members_are_no_paths(tmp_path: Path, name: str) -> None:
    info = tarfile.TarInfo("placeholder.mp4")
    for form in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        info.name, info.size = name, 4
        (tmp_path / "a.tar").write_bytes(info.tobuf(form) + b"evil" + padding(4) + END)
        with pytest.raises(MmsslError):
            open_recordings(str(tmp_path / "a.tar"))
    assert {entry.name for entry in tmp_path.iterdir()} <= {"a.tar", "a.tar.index.npz", "cache"}


@pytest.mark.fault("S3", "X4")
@pytest.mark.usefixtures("frugal")
@pytest.mark.timeout(30)
def test_headers_that_promise_more(tmp_path: Path) -> None:
    """PAX records and sizes of any length, nested long names, a shard that is compressed."""

    def extended(kind: bytes, data: bytes, size: int | None = None) -> bytes:
        info = tarfile.TarInfo("x")
        info.type, info.size = kind, len(data) if size is None else size
        return (
            info.tobuf(tarfile.USTAR_FORMAT if info.size < 8 << 30 else tarfile.GNU_FORMAT) + data + padding(len(data))
        )

    plain = header("a.wav", 1) + b"x" + bytes(511)
    many = b"".join(extended(b"x", b"9 path=a\n") for _ in range(10_000))
    long = b"%d path=%s\n" % (20 + (1 << 19), b"a" * (1 << 19))
    for attack in (
        extended(b"x", b"", 1 << 40) + plain,
        extended(b"L", b"a" * (1 << 20) + b"a") + plain,
        extended(b"x", b"99999999999 path=a\n") + plain,
        extended(b"x", b"20 size=99999999999\n") + plain,
        extended(b"x", b"11 size=-9\n") + plain,
        extended(b"x", b"27 GNU.sparse.realsize=9999\n"[:27] + b"\n") + plain,
        extended(b"x", long) + plain,
        many,
        zlib.compress(bytes(1 << 20)),
        b"\x1f\x8b\x08\0" + bytes(600),
    ):
        path = tmp_path / "a.tar"
        path.write_bytes(attack + END)
        with pytest.raises(MmsslError):
            open_recordings(str(path))


def test_the_limit_of_text_is_wide() -> None:
    assert LARGEST > 10_000_000
