"""The tar reader against Python's own, and against everything that is no plain tar."""

import io
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmssl.data.tar import BLOCK, Member, header, members
from mmssl.errors import Fault, MediaError


def read(data: bytes) -> list[tuple[str, bytes]]:
    found = members(lambda offset, count: data[offset : offset + count], len(data), "s.tar")
    return [(member.name, data[member.offset : member.offset + member.size]) for member in found]


def made_by_tarfile(files: dict[str, bytes], form: int) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w", format=form) as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return data.getvalue()


NAMES = {
    "a.mp4": b"1" * 700,
    "d/" + "n" * 90 + "/x.json": b"{}",
    "ü" * 90 + ".txt": b"",
    "e" * 300 + ".wav": b"z" * 512,
}


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_as_tarfile_writes(form: int) -> None:
    assert read(made_by_tarfile(NAMES, form)) == list(NAMES.items())


def test_ustar_prefix() -> None:
    files = {"d" * 120 + "/a.mp4": b"x", "b.mp4": b"y"}
    assert read(made_by_tarfile(files, tarfile.USTAR_FORMAT)) == list(files.items())


def test_folders_and_a_leading_dot(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.mp4").write_bytes(b"abc")
    with tarfile.open(tmp_path / "x.tar", "w") as tar:
        tar.add(tmp_path / "in", "./in")
    assert read((tmp_path / "x.tar").read_bytes()) == [("in/a.mp4", b"abc")]


name = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=120)


@settings(max_examples=50)
@given(st.dictionaries(name.filter(lambda n: n not in (".", "..")), st.binary(max_size=1500), max_size=5))
def test_what_we_write_tarfile_reads(files: dict[str, bytes]) -> None:
    blocks = [header(n, len(data)) + data + bytes(-len(data) % BLOCK) for n, data in files.items()]
    data = b"".join(blocks) + bytes(2 * BLOCK)
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        assert {m.name: tar.extractfile(m).read() for m in tar.getmembers()} == files  # type: ignore[union-attr]
    assert dict(read(data)) == files


@pytest.mark.fault("S1")
def test_truncated_anywhere(tar: Callable[[Path, dict[str, bytes]], Path], tmp_path: Path) -> None:
    data = tar(tmp_path / "s.tar", {f"{i}.wav": b"w" * (400 * i) for i in range(6)}).read_bytes()
    cuts = {*range(0, len(data), BLOCK), *range(1, len(data), 307), len(data) - 1}
    for cut in sorted(cuts):
        with pytest.raises(MediaError, match=r"^s\.tar: .*truncated") as caught:
            read(data[:cut])
        assert caught.value.fault is Fault.SHARD
    assert len(read(data)) == 6


@settings(max_examples=150)
@given(st.integers(0, BLOCK - 1), st.integers(1, 255))
def test_a_damaged_header_is_no_other_member(place: int, change: int) -> None:
    data = bytearray(made_by_tarfile({"a.mp4": b"x" * 10, "b.mp4": b"y"}, tarfile.PAX_FORMAT))
    data[place] = (data[place] + change) % 256
    whole = [("a.mp4", b"x" * 10), ("b.mp4", b"y")]
    try:
        found = read(bytes(data))
    except MediaError:
        found = whole
    assert found == whole  # or the change was in the padding of the checksum


@pytest.mark.fault("S3")
@pytest.mark.parametrize("kind", [tarfile.LNKTYPE, tarfile.SYMTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_links_and_devices(kind: bytes) -> None:
    info = tarfile.TarInfo("a.mp4")
    info.type, info.linkname = kind, "/etc/passwd"
    with pytest.raises(MediaError, match="only plain files"):
        read(info.tobuf() + bytes(2 * BLOCK))


@pytest.mark.fault("S3")
@pytest.mark.parametrize("name", ["/etc/passwd", "../a.mp4", "a/../../b.mp4"])
def test_names_outside(name: str) -> None:
    with pytest.raises(MediaError, match="outside its tar"):
        read(header(name, 0) + bytes(2 * BLOCK))


@pytest.mark.fault("S3")
@pytest.mark.parametrize(
    "record", [b"nonsense\n", b"30 path=too short\n", b"9 size=x\n", b"\xff", b"99999999999999999999 a=b\n", b"0 \n"]
)
def test_damaged_extended_headers(record: bytes) -> None:
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.XHDTYPE, len(record)
    with pytest.raises(MediaError, match="damaged extended header"):
        read(info.tobuf() + record + bytes(-len(record) % BLOCK) + header("a.mp4", 0) + bytes(2 * BLOCK))


@pytest.mark.fault("S3")
def test_an_endless_extended_header() -> None:
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.XHDTYPE, 1 << 30
    with pytest.raises(MediaError, match="more than the"):
        read(info.tobuf() + bytes(2 * BLOCK))


@pytest.mark.fault("S3")
def test_sparse() -> None:
    record = b"22 GNU.sparse.major=1\n"
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.XHDTYPE, len(record)
    with pytest.raises(MediaError, match="sparse"):
        read(info.tobuf() + record + bytes(-len(record) % BLOCK) + header("a.mp4", 0) + bytes(2 * BLOCK))


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_more_than_8_gib(form: Literal[1, 2]) -> None:
    info = tarfile.TarInfo("a.mp4")
    info.size = 9 << 30
    start = info.tobuf(form)
    size = len(start) + info.size + 2 * BLOCK

    def read_sparse(offset: int, count: int) -> bytes:
        return (start[offset : offset + count] if offset < len(start) else b"").ljust(count, b"\0")

    assert list(members(read_sparse, size, "s.tar")) == [Member("a.mp4", len(start), info.size)]


@pytest.mark.fault("S1")
def test_joined_by_cat() -> None:
    one = header("a.mp4", 0) + bytes(2 * BLOCK)
    with pytest.raises(MediaError, match="joined by cat"):
        read(one + one)


@pytest.mark.fault("S1")
def test_no_tar() -> None:
    with pytest.raises(MediaError, match="is no tar"):
        read(b"<html>" * 500)
