"""Films that name other files or addresses, and names that are addresses, at every entry: nothing else is opened."""

import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import pytest

from mmssl.applications.indexing import build_index
from mmssl.applications.model import Model
from mmssl.data.clips import Clips
from mmssl.data.decode.decord import DecordReader
from mmssl.data.decode.pyav import PyAVReader
from mmssl.data.loader import evaluation_batches
from mmssl.data.pack import pack
from mmssl.data.probe import probe
from mmssl.data.skipped import Skipped
from mmssl.errors import MmsslError


def playlists(file: Path, port: int) -> dict[str, str]:
    """By the name of the attack."""
    web = f"http://127.0.0.1:{port}"
    hls = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n"
    end = "#EXT-X-ENDLIST\n"
    return {
        "hls-file": f"{hls}#EXTINF:1.5,\n{file}\n{end}",
        "hls-http": f"{hls}#EXTINF:1.5,\n{web}/0.ts\n{end}",
        "hls-key": f'{hls}#EXT-X-KEY:METHOD=AES-128,URI="{web}/key"\n#EXTINF:1.5,\n{file}\n{end}',
        "hls-map": f'{hls}#EXT-X-MAP:URI="{web}/init.mp4"\n#EXTINF:1.5,\n{file}\n{end}',
        "hls-master": f"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{web}/low.m3u8\n",
        "hls-concat": f"{hls}#EXTINF:1.5,\nconcat:{file}|{file}\n{end}",
        "hls-subfile": f"{hls}#EXTINF:1.5,\nsubfile,,start,0,end,9000,,:{file}\n{end}",
        "hls-gopher": f"{hls}#EXTINF:1.5,\ngopher://127.0.0.1:{port}/1\n{end}",
        "hls-crypto": f"{hls}#EXTINF:1.5,\ncrypto:{file}\n{end}",
        "concat-file": f"ffconcat version 1.0\nfile '{file}'\n",
        "concat-http": f"ffconcat version 1.0\nfile '{web}/a.mp4'\n",
        "concat-option": f"ffconcat version 1.0\nfile '{file}'\noption safe 0\n",
        "sdp": f"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=a\nc=IN IP4 127.0.0.1\nt=0 0\nm=video {port} RTP/AVP 96\n"
        "a=rtpmap:96 H264/90000\n",
        "dash": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period><AdaptationSet>'
        f'<Representation id="1" bandwidth="1"><BaseURL>{web}/a.mp4</BaseURL></Representation></AdaptationSet></Period>'
        "</MPD>",
        "asf-reference": f"[Reference]\nRef1={web}/a.asf\n",
        "asx": f'<asx version="3.0"><entry><ref href="{web}/a.wmv"/></entry></asx>',
        "pls": f"[playlist]\nFile1={web}/a.mp3\nNumberOfEntries=1\n",
        "smil": f'<smil><body><video src="{web}/a.mp4"/></body></smil>',
        "rtsp-text": f"RTSPtextRTSP://127.0.0.1:{port}/a.mov\n",
        "lavfi": f"movie={file}[out0]",
        "imf": '<?xml version="1.0"?><CompositionPlaylist xmlns="http://www.smpte-ra.org/schemas/2067-3/2016">'
        f"<Annotation>{web}</Annotation></CompositionPlaylist>",
        "vobsub": f"# VobSub index file, v7\nid: en, index: 0\n{file}\n",
    }


def names(file: Path, port: int) -> list[str]:
    """What libav would take for more than the name of a file."""
    return [
        f"http://127.0.0.1:{port}/a.mp4", f"tcp://127.0.0.1:{port}", f"cache:http://127.0.0.1:{port}/a.mp4",
        f"async:http://127.0.0.1:{port}/a.mp4", f"hls+http://127.0.0.1:{port}/a.m3u8", f"rtmp://127.0.0.1:{port}/a",
        f"rtsp://127.0.0.1:{port}/a", f"ftp://127.0.0.1:{port}/a", f"tls://127.0.0.1:{port}", f"gopher://127.0.0.1:{port}/",
        f"file:{file}", f"concat:{file}|{file}", f"concatf:{file}", f"subfile,,start,0,end,900,,:{file}",
        f"crypto:{file}", f"async:{file}", f"cache:{file}", f"fd:{file}", "pipe:0", "data:video/mp4;base64,AAAA",
        f"unix:{file}", f"md5:{file}", f"tee:{file}", f"-i {file}",
    ]  # fmt: skip


def test_the_canaries_sing(server: Any, secret: Any, tmp_path: Path) -> None:
    """What is shown below not to happen is what happens without care."""
    playlist = tmp_path / "film.mp4"
    playlist.write_text(f"ffconcat version 1.0\nfile '{secret.path}'\n")
    with av.open(str(playlist), options={"safe": "0"}) as container:
        assert container.streams.video
    assert secret.opened()
    with pytest.raises(av.error.FFmpegError):
        av.open(f"http://127.0.0.1:{server.port}/a.mp4")
    assert server.connections


@pytest.fixture
def folder(tmp_path: Path, server: Any, secret: Any, film_bytes: bytes) -> Path:
    """Each attack as a file of its own, and one honest film among them."""
    place = tmp_path / "films"
    place.mkdir()
    suffixes = ("mp4", "mkv", "wav", "ts")
    for number, (name, text) in enumerate(playlists(secret.path, server.port).items()):
        (place / f"{name}.{suffixes[number % len(suffixes)]}").write_text(text)
    (place / "honest.mp4").write_bytes(film_bytes)
    return place


@pytest.fixture(autouse=True)
def quiet(server: Any, secret: Any, request: pytest.FixtureRequest) -> Any:
    """Neither canary has sung when the test is over."""
    yield
    if request.node.name != "test_the_canaries_sing":
        assert server.connections == 0
        assert not secret.opened()


ATTACKS = 22


@pytest.mark.fault("X1")
def test_single_files(folder: Path, model: Model, tmp_path: Path, record_property: Callable[..., None]) -> None:
    attacks = [path for path in sorted(folder.iterdir()) if path.stem != "honest"]
    assert len(attacks) == ATTACKS
    entries: list[Callable[[str], Any]] = [
        lambda path: PyAVReader().open(path, path),
        lambda path: PyAVReader().open(io.BytesIO(Path(path).read_bytes()), path),
        lambda path: DecordReader().open(path, path),
        lambda path: model.query(video=path),
        lambda path: model.query(audio=path),
        lambda path: model.query(image=path),
        lambda path: model.localize(path, tmp_path / "heat.mp4"),
    ]
    record_property("cases", len(attacks) * (len(entries) + 1))
    for path in attacks:
        for entry in entries:
            with pytest.raises(MmsslError):
                entry(str(path))
        assert probe(path).broken
    assert not list(tmp_path.glob("heat*"))


@pytest.mark.fault("X1")
def test_folders(folder: Path, model: Model, tmp_path: Path, record_property: Callable[..., None]) -> None:
    record_property("cases", 3 * ATTACKS)
    skipped = Skipped(limit=1.0)
    clips = Clips(source=str(folder), seconds=1.0, frames=2, pixels=16, require=()).open()
    assert [key for batch in evaluation_batches(clips, 4, skipped=skipped) for key in batch.keys] == ["honest"]
    assert len(skipped.reasons) == ATTACKS
    report = pack(str(folder), tmp_path / "shards", workers=1)
    assert (report.samples, len(report.skipped)) == (1, ATTACKS)
    assert build_index(model, str(folder), str(tmp_path / "index")).recordings == 1


@pytest.mark.fault("X1")
def test_from_shards(folder: Path, model: Model, tmp_path: Path, record_property: Callable[..., None]) -> None:
    record_property("cases", 2 * ATTACKS)
    pack(str(folder), tmp_path / "shards", workers=1, validate=False)
    skipped = Skipped(limit=1.0)
    clips = Clips(source=str(tmp_path / "shards"), seconds=1.0, frames=2, pixels=16, require=()).open()
    assert [key for batch in evaluation_batches(clips, 4, skipped=skipped) for key in batch.keys] == ["honest"]
    assert len(skipped.reasons) == ATTACKS
    assert build_index(model, str(tmp_path / "shards"), str(tmp_path / "index")).recordings == 1


@pytest.mark.fault("X2")
def test_names_are_names_of_files(
    server: Any, secret: Any, model: Model, tmp_path: Path, record_property: Callable[..., None]
) -> None:
    asked = names(secret.path, server.port)
    entries: list[Callable[[str], Any]] = [
        lambda name: PyAVReader().open(name, name),
        lambda name: DecordReader().open(name, name),
        lambda name: model.query(video=name),
        lambda name: model.query(audio=name),
        lambda name: model.query(image=name),
        lambda name: model.localize(name, tmp_path / "heat.mp4"),
    ]
    record_property("cases", len(asked) * (len(entries) + 1))
    for name in asked:
        for entry in entries:
            with pytest.raises(MmsslError):
                entry(name)
        assert probe(name).broken


@pytest.mark.fault("X2")
def test_sources_are_storage_alone(
    server: Any, secret: Any, model: Model, tmp_path: Path, record_property: Callable[..., None]
) -> None:
    """Chains and file systems of fsspec, as the source and in a row of a manifest."""
    web = f"http://127.0.0.1:{server.port}"
    asked = [
        f"reference::{web}/refs.json", f"simplecache::{web}/a.mp4", f"zip://a.mp4::{web}/a.zip",
        f"tar://a.mp4::file://{secret.path}", f"file://{secret.path}", f"local://{secret.path}", f"FILE://{secret.path}",
        f"ftp://127.0.0.1:{server.port}/a.mp4", f"sftp://127.0.0.1:{server.port}/a.mp4", f"ssh://127.0.0.1:{server.port}/a.mp4",
        f"smb://127.0.0.1:{server.port}/a/a.mp4", f"dir::file://{secret.path.parent}", f"filecache::file://{secret.path}",
        f"jupyter://127.0.0.1:{server.port}/a.mp4", f"webdav://127.0.0.1:{server.port}/a.mp4", "git://repo:a.mp4",
        "github://a:b@c/a.mp4", f"dask://{secret.path}", "data://text/plain,a.mp4", f"blockcache::{web}/a.mp4",
    ]  # fmt: skip
    record_property("cases", 2 * len(asked))
    manifest = tmp_path / "films.jsonl"
    for address in asked:
        for source in (address, str(manifest)):
            manifest.write_text(f'{{"path": "{address}", "key": "a"}}\n')
            skipped = Skipped(limit=1.0)
            try:
                clips = Clips(source=source, seconds=1.0, frames=1, pixels=16).open()
                read = list(evaluation_batches(clips, 1, skipped=skipped))
            except MmsslError:
                continue
            assert not read
            assert len(skipped.reasons) == 1


@pytest.mark.fault("X2")
def test_commands(server: Any, secret: Any, tmp_path: Path) -> None:
    """From the command line a name goes the same way."""
    for name, status in ((f"http://127.0.0.1:{server.port}/a.mp4", 2), (f"concat:{secret.path}", 3)):
        program = "from mmssl.cli.app import main; main()"
        line = [sys.executable, "-c", program, "probe", name]
        found = subprocess.run(line, capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path)
        assert found.returncode == status
        assert "Traceback" not in found.stderr
