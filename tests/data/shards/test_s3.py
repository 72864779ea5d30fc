"""S3, as moto's server speaks it: what lies there gives the batches that it gives on disk."""

import errno
import io
import socket
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch

from mmssl.data.clips import Clips
from mmssl.data.loader import training_batches
from mmssl.data.network import attempt, filesystem_of
from mmssl.data.pack import pack
from mmssl.data.sources import open_recordings
from mmssl.errors import Fault, MediaError, UsageError

pytest.importorskip("flask_cors", reason="moto's server needs flask and flask-cors")
moto = pytest.importorskip("moto.server")
s3fs = pytest.importorskip("s3fs")


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An empty bucket, as `s3fs` sees it."""
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "anybody",
        "AWS_SECRET_ACCESS_KEY": "anything",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    }.items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()  # one of another test knows another server
    files = s3fs.S3FileSystem()
    files.mkdir("bucket")
    yield files
    files.rm("bucket", recursive=True)  # the process keeps what its servers hold
    s3fs.S3FileSystem.clear_instance_cache()
    server.stop()


@pytest.fixture
def folder(tmp_path: Path, tone: Callable[[int], bytes]) -> Path:
    """Twelve sounds with captions."""
    made = tmp_path / "sounds"
    made.mkdir()
    for number in range(12):
        (made / f"{number:02d}.wav").write_bytes(tone(8_000 + 100 * number))
        (made / f"{number:02d}.txt").write_text(f"sound {number}")
    return made


def batches(source: str, workers: int) -> list[Any]:
    clips = Clips(source=source, seconds=0.5, frames=0, captions=0, sample_rate=8_000).open()
    return list(islice(training_batches(clips, batch_size=4, seed=0, workers=workers), 5))


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("place", ["folder", "shards"])
def test_the_batches_of_a_disk(bucket: Any, folder: Path, tmp_path: Path, place: str, workers: int) -> None:
    here = folder
    if place == "shards":
        here = tmp_path / "shards"
        pack(str(folder), here, workers=1)
    bucket.put(f"{here}/", f"bucket/{place}/", recursive=True)
    for ours, theirs in zip(batches(f"s3://bucket/{place}", workers), batches(str(here), workers), strict=True):
        assert ours.keys == theirs.keys
        assert torch.equal(ours.audio, theirs.audio)


def test_globs_and_captions(bucket: Any, folder: Path) -> None:
    bucket.put(f"{folder}/", "bucket/sounds/", recursive=True)
    some = open_recordings("s3://bucket/sounds/0[0-3].wav")
    assert len(some) == 4
    assert some[3].captions[0].text == "sound 3"


def test_what_is_not_there(bucket: Any) -> None:
    with pytest.raises(UsageError, match="check the address"):
        open_recordings("s3://bucket/nothing")
    with pytest.raises(MediaError, match="check the address") as caught:
        open_recordings("s3://bucket/nothing.tar")
    assert caught.value.fault is Fault.MISSING
    with pytest.raises(MediaError, match="check the address"):
        open_recordings("s3://other/nothing")


def test_without_credentials(bucket: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket.put(f"{folder}/", "bucket/sounds/", recursive=True)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    s3fs.S3FileSystem.clear_instance_cache()
    with pytest.raises(MediaError, match="credentials") as caught:
        open_recordings("s3://bucket/sounds/*.wav")
    assert caught.value.fault is Fault.PERMISSION


def test_what_replaces_an_object_is_never_mixed_in(
    bucket: Any, folder: Path, tone: Callable[[int], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MMSSL_CACHE_GB", "0")
    bucket.put(f"{folder}/", "bucket/sounds/", recursive=True)
    recordings = open_recordings("s3://bucket/sounds/*.wav")
    new = tone(8_000)[:-4_000] + bytes(4_000)
    s3fs.S3FileSystem(skip_instance_cache=True).pipe("bucket/sounds/00.wav", new)  # as another process would
    source = recordings.source(0)
    assert not isinstance(source, str)
    with source, pytest.raises(MediaError, match="changed since it was opened") as caught:
        source.read()
    assert caught.value.fault is Fault.SHARD
    filesystem_of("s3://bucket")[0].invalidate_cache()
    source = open_recordings("s3://bucket/sounds/*.wav").source(0)
    assert not isinstance(source, str)
    with source:
        assert source.read() == new


def test_a_worker_does_not_ask_for_what_was_listed(bucket: Any, folder: Path) -> None:
    bucket.put(f"{folder}/", "bucket/sounds/deep/", recursive=True)
    recordings = open_recordings("s3://bucket/sounds")
    s3fs.S3FileSystem.clear_instance_cache()  # as a fork does
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(s3fs.S3FileSystem, "_call_s3", None)
        source = recordings.source(3)
    assert not isinstance(source, str)
    with source:
        assert source.seek(0, io.SEEK_END) == (folder / "03.wav").stat().st_size


@pytest.mark.fault("S4")
def test_a_server_that_is_silent_costs_seconds(bucket: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries are not multiplied by those of the libraries below, which were 375 of 15 s each."""
    monkeypatch.setattr("mmssl.data.network.SILENCE", 0.2)
    monkeypatch.setattr("mmssl.data.network.PAUSE", 0.01)
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.getsockname()[1]}")
        s3fs.S3FileSystem.clear_instance_cache()
        begin = time.monotonic()
        with pytest.raises(MediaError, match="in 3 tries") as caught:
            open_recordings("s3://bucket/sounds/*.wav")
        assert time.monotonic() - begin < 5
    assert caught.value.fault is Fault.NETWORK


@pytest.mark.fault("S4")
def test_a_server_that_asks_to_slow_down_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mmssl.data.network.PAUSE", 0.001)
    answers = iter([OSError(errno.EBUSY, "Please reduce your request rate")] * 5)

    def act() -> str:
        if error := next(answers, None):
            raise error
        return "bytes"

    assert attempt("s3://bucket/a.mp4", act) == "bytes"
    answers = iter([OSError(errno.EBUSY, "Please reduce your request rate")] * 50)
    with pytest.raises(MediaError, match=r"in 7 tries: .*Please reduce") as caught:
        attempt("s3://bucket/a.mp4", act)
    assert caught.value.fault is Fault.NETWORK
