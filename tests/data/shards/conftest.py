"""Small recordings that decode, shards of them, and a server that serves ranges."""

import io
import threading
import time
import wave
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from mmssl.data.tar import END, header, padding


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own."""
    monkeypatch.setenv("MMSSL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="session")
def tone() -> Callable[[int], bytes]:
    """A WAV of 16-bit mono sound at 8 kHz, so many samples long."""

    def make(samples: int) -> bytes:
        data = io.BytesIO()
        with wave.open(data, "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(8000)
            file.writeframes(bytes(range(256)) * (samples // 128 + 1))
        return data.getvalue()

    return make


@pytest.fixture(scope="session")
def tar() -> Callable[[Path, dict[str, bytes]], Path]:
    """A tar of the members in their order."""

    def write(path: Path, members: dict[str, bytes]) -> Path:
        blocks = [header(name, len(data)) + data + padding(len(data)) for name, data in members.items()]
        path.write_bytes(b"".join(blocks) + END)
        return path

    return write


class RangeServer:
    """Serves a folder over HTTP with ranges and counts what it sends.

    Attributes:
        requests: (method, path, bytes sent) of each.
        failures: so many requests are answered by `broken` first.
        ranges: answer ranges with 206; else always the whole file.
        delay: seconds before each answer.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.requests: list[tuple[str, str, int]] = []
        self.failures, self.broken, self.ranges, self.delay = 0, 503, True, 0.0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def fetched(self) -> int:
        """Bytes of the bodies so far."""
        return sum(sent for method, _, sent in self.requests if method == "GET")

    def gets(self, name: str) -> int:
        """Requests for a file."""
        return sum(method == "GET" and path == f"/{name}" for method, path, _ in self.requests)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, owner: RangeServer, *args: object) -> None:
        self.owner = owner
        super().__init__(*args)  # type: ignore[arg-type]

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.owner.requests.append((self.command, self.path, len(body) if self.command == "GET" else 0))
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            with suppress(ConnectionError):  # a reader that has what it wants hangs up
                self.wfile.write(body)

    def _answer(self) -> None:
        time.sleep(self.owner.delay)
        path = self.owner.folder / self.path.lstrip("/")
        if self.owner.failures > 0:
            self.owner.failures -= 1
            return self._send(self.owner.broken, b"", {})
        if path.is_dir():
            links = "".join(f'<a href="{entry.name}">{entry.name}</a>' for entry in path.iterdir())
            return self._send(200, links.encode(), {"Content-Type": "text/html"})
        if not path.is_file():
            return self._send(404, b"", {})
        data = path.read_bytes()
        told = {"ETag": f'"{path.stat().st_mtime_ns}"'}
        asked = self.headers.get("Range")
        if asked is None or not self.owner.ranges:
            return self._send(200, data, told)
        first, _, last = asked.removeprefix("bytes=").partition("-")
        start, stop = int(first), min(int(last or len(data)) + 1, len(data))
        return self._send(206, data[start:stop], {**told, "Content-Range": f"bytes {start}-{stop - 1}/{len(data)}"})


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RangeServer]:
    """Serves `tmp_path / "served"`."""
    monkeypatch.setattr("mmssl.data.network.PAUSE", 0.01)
    (tmp_path / "served").mkdir()
    running = RangeServer(tmp_path / "served")
    yield running
    running.close()
