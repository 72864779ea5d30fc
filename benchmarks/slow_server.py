"""A folder over HTTP on the loopback, as slow as a bucket far away: every answer waits, and all share one line."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

PIECE = 1 << 16  # bytes


class Line:
    """What is sent over it takes its time, whoever sends."""

    def __init__(self, bytes_per_second: float) -> None:
        self.rate, self._free, self._lock = bytes_per_second, 0.0, threading.Lock()

    def send(self, count: int) -> None:
        """Wait until so many bytes are over."""
        with self._lock:
            self._free = max(self._free, time.monotonic()) + count / self.rate
            until = self._free
        time.sleep(max(until - time.monotonic(), 0.0))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, folder: Path, line: Line, latency: float, *args: object) -> None:
        self.folder, self.line, self.latency = folder, line, latency
        super().__init__(*args)  # type: ignore[arg-type]

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""

    def do_HEAD(self) -> None:
        """Headers alone."""
        self._answer(body=False)

    def do_GET(self) -> None:
        """The file or the range of it."""
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        time.sleep(self.latency)
        path = self.folder / self.path.lstrip("/")
        if not path.is_file():
            self.send_response(404)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        size, asked = path.stat().st_size, self.headers.get("Range")
        first, _, last = (asked or "bytes=0-").removeprefix("bytes=").partition("-")
        start, stop = int(first), min(int(last or size) + 1, size)
        self.send_response(206 if asked else 200)
        self.send_header("Content-Length", str(stop - start))
        self.send_header("ETag", f'"{path.stat().st_mtime_ns}"')
        if asked:
            self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{size}")
        self.end_headers()
        with suppress(ConnectionError), path.open("rb") as file:
            file.seek(start)
            while body and start < stop:
                data = file.read(min(PIECE, stop - start))
                self.line.send(len(data))
                self.wfile.write(data)
                start += len(data)


def _serve(folder: Path, latency: float, bytes_per_second: float, pipe: Connection) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, folder, Line(bytes_per_second), latency))
    pipe.send(server.server_port)
    server.serve_forever()


@contextmanager
def served(folder: Path, *, latency: float, bytes_per_second: float) -> Iterator[str]:
    """The address, while a process of its own serves the folder."""
    context = get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_serve, args=(folder, latency, bytes_per_second, theirs), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}"
    finally:
        process.kill()
        process.join()
