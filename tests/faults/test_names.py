"""Names, metadata and permissions that trip programs."""

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from benchmarks.films import Film, Made
from mmssl.cli.app import app
from mmssl.data.clips import Clips
from mmssl.data.decode.reader import Reader
from mmssl.data.loader import evaluation_batches
from mmssl.data.probe import probe
from mmssl.data.skipped import Skipped
from mmssl.errors import Fault, MediaError

NAMES = [
    "two words.mp4",
    "-k.mp4",
    "круг 圆 ة.mp4",
    "e\u0301 combined.mp4",
    "100%20 off #1?.mp4",
    "http:; $(id) `id` 'quoted' \"twice\".mp4",
    "line\nbreak\ttab.mp4",
    "\x1b[31mred.mp4",
    os.fsdecode(b"not \xff\xfe UTF-8.mp4"),
    "x" * 240 + ".mp4",
]


@pytest.mark.fault("M22")
@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_every_name(
    made: Callable[[Film], Made], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reader: Reader, name: str
) -> None:
    content = made(Film()).path.read_bytes()
    (tmp_path / name).write_bytes(content)
    (tmp_path / f"broken {name[:200]}").with_suffix(".mp4").write_bytes(content[:2000])
    assert probe(tmp_path / name).broken == ()
    skipped = Skipped(tmp_path, limit=1.0)
    clips = Clips(source=str(tmp_path), seconds=1.0, frames=2, pixels=16).open()
    (batch,) = evaluation_batches(clips, 8, skipped=skipped)
    assert len(batch) == 1
    assert [fault for fault, _ in skipped.reasons.values()] == [Fault.TRUNCATED]
    assert Skipped(tmp_path, limit=1.0).reasons == skipped.reasons
    monkeypatch.chdir(tmp_path)
    for arguments in (["."], ["--json", "."], ["--", name], ["--json", "--", name]):
        told = CliRunner().invoke(app, ["probe", *arguments])
        assert told.exception is None or isinstance(told.exception, SystemExit), told.exception
        assert told.exit_code == 0


@pytest.mark.fault("M22")
@pytest.mark.parametrize("container", ["mp4", "mkv"])
def test_metadata_that_is_not_utf8(
    made: Callable[[Film], Made], tmp_path: Path, reader: Reader, container: str
) -> None:
    content = made(Film(container=container)).path.read_bytes()
    assert content.count(b"Lavf") > 0
    path = tmp_path / f"film.{container}"
    path.write_bytes(content.replace(b"Lavf", b"\xe9\xff\x00\xc3"))
    with reader.open(str(path), "film") as media:
        assert media.frames([0.5], (16, 16)).pixels.shape == (1, 16, 16, 3)
    assert probe(path).broken == ()


@pytest.mark.fault("M2")
@pytest.mark.skipif(sys.platform == "win32", reason="no permissions as of POSIX")
@pytest.mark.parametrize("what", ["file", "folder"])
def test_no_permission(made: Callable[[Film], Made], reader: Reader, what: str) -> None:
    with tempfile.TemporaryDirectory() as name:  # not pytest's own, into which nobody else may look
        folder = Path(name)
        path = folder / "inner" / "film.mp4"
        path.parent.mkdir()
        path.write_bytes(made(Film()).path.read_bytes())
        folder.chmod(0o755)
        (path if what == "file" else path.parent).chmod(0)
        try:
            assert as_somebody_else(lambda: fault_of(reader, path)) == Fault.PERMISSION.value
        finally:
            path.parent.chmod(0o700)


def fault_of(reader: Reader, path: Path) -> str:
    try:
        with reader.open(str(path), "film"):
            return "opened"
    except MediaError as error:
        return error.fault.value


def as_somebody_else(ask: Callable[[], str]) -> str:
    """The answer of a process without the rights of root, which may read everything."""
    if os.geteuid() != 0:
        return ask()
    receive, send = os.pipe()
    child = os.fork()
    if child == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
        try:
            os.write(send, ask().encode())
        finally:
            os._exit(0)
    os.close(send)
    with os.fdopen(receive, "rb") as answer:
        told = answer.read().decode()
    os.waitpid(child, 0)
    return told
