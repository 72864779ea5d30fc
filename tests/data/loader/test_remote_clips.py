"""Training from shards behind HTTP, with the parent's connections open when the workers are forked."""

import io
import itertools
import tarfile
import threading
import wave
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch

from mmssl.data.clips import Clips
from mmssl.data.loader import training_batches


class Ranged(SimpleHTTPRequestHandler):
    """The standard server knows no ranges."""

    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        path = Path(self.translate_path(self.path))
        if not path.is_file():
            return self.send_error(404)
        data = path.read_bytes()
        asked = self.headers.get("Range")
        self.send_response(206 if asked else 200)
        if asked:
            first, _, last = asked.removeprefix("bytes=").partition("-")
            stop = min(int(last or len(data)) + 1, len(data))
            self.send_header("Content-Range", f"bytes {first}-{stop - 1}/{len(data)}")
            data = data[int(first) : stop]
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@pytest.fixture
def address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A shard of 12 sounds, served."""
    monkeypatch.setenv("MMSSL_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "served"
    folder.mkdir()
    with tarfile.open(folder / "sounds-000.tar", "w", format=tarfile.USTAR_FORMAT) as shard:
        for number in range(12):
            sound = io.BytesIO()
            with wave.open(sound, "wb") as file:
                file.setnchannels(1)
                file.setsampwidth(2)
                file.setframerate(8000)
                file.writeframes(bytes([number, 2 * number]) * 24_000)
            member = tarfile.TarInfo(f"{number:03d}.wav")
            member.size = sound.tell()
            sound.seek(0)
            shard.addfile(member, sound)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Ranged, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/sounds-000.tar"
    server.shutdown()
    server.server_close()
    thread.join()


def test_workers_read_what_the_parent_has_open(address: str) -> None:
    clips = Clips(source=address, frames=0, sample_rate=8000, seconds=1.0).open()
    clips.clip(3, 0)  # the parent's connection and its thread are in use
    read = {
        workers: list(itertools.islice(training_batches(clips, batch_size=4, seed=2, workers=workers), 3))
        for workers in (2, 0)
    }
    for one, other in zip(read[2], read[0], strict=True):
        assert one.keys == other.keys
        assert torch.equal(one.audio, other.audio)
    assert sorted(key for batch in read[2] for key in batch.keys) == [f"{number:03d}" for number in range(12)]
