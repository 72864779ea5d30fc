"""Public addresses that redirect to the reader's own machines, or list them: nothing connects there.

127.0.0.2 plays a public host; the canary listens at 127.0.0.1.
"""

import asyncio
import threading
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from yarl import URL

from mmssl.data import reach
from mmssl.data.reach import is_own, is_public
from mmssl.data.remote import RemoteRanges
from mmssl.data.sources import open_recordings
from mmssl.errors import Fault, MediaError

PUBLIC = "127.0.0.2"


class Web:
    """Answers with files, or leads elsewhere.

    Attributes:
        files: by path.
        redirects: address by path.
    """

    def __init__(self, host: str) -> None:
        self.files: dict[str, bytes] = {}
        self.redirects: dict[str, str] = {}
        self._server = ThreadingHTTPServer((host, 0), partial(_Handler, self))
        self.address = f"http://{host}:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, web: Web, *args: Any) -> None:
        self.web = web
        super().__init__(*args)

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        data, target = self.web.files.get(self.path, b""), self.web.redirects.get(self.path)
        first, _, last = self.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")
        part = data[int(first) : int(last or len(data)) + 1]
        self.send_response(302 if target else 206 if data else 404)
        self.send_header("Content-Length", str(len(part)))
        if target:
            self.send_header("Location", target)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(part)


@pytest.fixture
def public(monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    """A web server that counts as public."""
    monkeypatch.setattr("mmssl.data.network.PAUSE", 0.01)
    monkeypatch.setattr(reach, "is_public", lambda host: host == PUBLIC or is_public(host))
    web = Web(PUBLIC)
    yield web
    web.close()


@pytest.fixture
def own(public: Web) -> Iterator[Web]:
    """A web server on this machine."""
    web = Web("127.0.0.1")
    web.files["/a.mp4"] = b"secret"
    yield web
    web.close()


@pytest.fixture(autouse=True)
def quiet(server: Any) -> Iterator[None]:
    yield
    assert server.connections == 0


@pytest.mark.fault("X11")
@pytest.mark.parametrize("kind", ["a.mp4", "a.tar", "m.jsonl", "films/*.mp4"])
def test_a_public_address_that_redirects(public: Web, server: Any, kind: str) -> None:
    canary = f"http://127.0.0.1:{server.port}/x"
    public.redirects.update({f"/{kind}": canary, "/films/": canary, "/films": canary})
    with pytest.raises(MediaError) as caught:
        open_recordings(f"{public.address}/{kind}").source(0)
    assert caught.value.fault is Fault.UNSUPPORTED
    assert caught.value.name.startswith(f"{public.address}/{kind[:3]}")
    assert f"leads to 127.0.0.1:{server.port}, which is of a private network" in str(caught.value)


@pytest.mark.fault("X11")
@pytest.mark.parametrize("target", ["localhost", "[::1]", "0.0.0.0", "[::ffff:127.0.0.1]", "127.1", "2130706433"])
def test_by_any_name(public: Web, server: Any, target: str) -> None:
    """All of them this machine."""
    public.redirects["/a.mp4"] = f"http://{target}:{server.port}/x"
    with pytest.raises(MediaError, match=r"a\.mp4: "):
        RemoteRanges(f"{public.address}/a.mp4")


@pytest.mark.fault("X11")
def test_at_the_end_of_a_chain(public: Web, server: Any) -> None:
    public.redirects |= {"/a.mp4": "/b.mp4", "/b.mp4": f"http://127.0.0.1:{server.port}/x"}
    with pytest.raises(MediaError, match="leads to"):
        RemoteRanges(f"{public.address}/a.mp4")


@pytest.mark.fault("X11")
def test_after_it_was_opened(public: Web, server: Any) -> None:
    """An honest answer first."""
    public.files["/a.mp4"] = b"a film"
    ranges = RemoteRanges(f"{public.address}/a.mp4")
    public.redirects["/a.mp4"] = f"http://127.0.0.1:{server.port}/x"
    with pytest.raises(MediaError, match="leads to"):
        ranges.read(0, 3, 3)


@pytest.mark.fault("X11")
def test_a_connection_to_the_own_server_is_not_shared(public: Web, own: Web) -> None:
    """That the user reads from it opens it to no one else."""
    assert RemoteRanges(f"{own.address}/a.mp4").read(0, 6, 6) == b"secret"
    public.redirects["/a.mp4"] = f"{own.address}/a.mp4"
    with pytest.raises(MediaError, match="leads to"):
        RemoteRanges(f"{public.address}/a.mp4")


@pytest.mark.fault("X11")
def test_a_manifest_from_a_public_address(public: Web, own: Web, server: Any) -> None:
    rows = [f"http://127.0.0.1:{server.port}/a.mp4", f"{own.address}/a.mp4", f"webhdfs://127.0.0.1:{server.port}/a.mp4"]
    public.files["/m.jsonl"] = "".join(f'{{"path": "{row}"}}\n' for row in [*rows, "b.mp4"]).encode()
    public.files["/b.mp4"] = b"a film"
    found = open_recordings(f"{public.address}/m.jsonl")
    for number, row in enumerate(rows):
        with pytest.raises(MediaError) as caught:
            found.source(number)
        assert (caught.value.name, caught.value.fault) == (row, Fault.UNSUPPORTED)
    assert found.source(3).read() == b"a film"  # type: ignore[union-attr]


@pytest.mark.fault("X11")
def test_own_servers_are_read(public: Web, own: Web, tmp_path: Path) -> None:
    """Given by the user: itself, in a manifest on the disk, in a manifest on an own server; and where they lead."""
    public.files["/b.mp4"] = b"public"
    own.redirects |= {"/b.mp4": f"{public.address}/b.mp4", "/c.mp4": "/a.mp4"}
    for name, data in (("a", b"secret"), ("b", b"public"), ("c", b"secret")):
        assert RemoteRanges(f"{own.address}/{name}.mp4").read(0, 6, 6) == data
    row = f'{{"path": "{own.address}/a.mp4"}}\n'
    own.files["/m.jsonl"] = row.encode()
    (tmp_path / "m.jsonl").write_text(row)
    for manifest in (f"{own.address}/m.jsonl", str(tmp_path / "m.jsonl")):
        assert open_recordings(manifest).source(0).read() == b"secret"  # type: ignore[union-attr]


@pytest.mark.fault("X11")
@pytest.mark.parametrize("target", ["ftp://127.0.0.1:{}/a", "file:///etc/passwd", "gopher://127.0.0.1:{}/1"])
def test_to_another_scheme(public: Web, own: Web, server: Any, target: str) -> None:
    for web in (public, own):
        web.redirects["/a.mp4"] = target.format(server.port)
        with pytest.raises(MediaError, match=r"a\.mp4: redirects from http to (ftp|file|gopher)://"):
            RemoteRanges(f"{web.address}/a.mp4")


@pytest.mark.fault("X11")
def test_from_https_only_to_https() -> None:
    def lead(before: str, headers: dict[str, str]) -> None:
        response = SimpleNamespace(headers=headers, close=lambda: None)
        asyncio.run(reach._redirected(None, None, SimpleNamespace(url=URL(before), response=response)))

    for told in ("https://b/x", "/x", "//b/x", "x", ""):
        lead("https://a/x", {"Location": told})
    lead("http://a/x", {"Location": "https://b/x"})
    for name, told in (("Location", "http://b/x"), ("Location", "HTTP://b/x"), ("URI", "http://b/x")):
        with pytest.raises(reach.RefusedError, match="redirects from https to"):
            lead("https://a/x", {name: told})


@pytest.mark.fault("X11")
def test_which_hosts_are_public() -> None:
    public = ["8.8.8.8", "2001:4860:4860::8888", "64:ff9b::808:808"]
    others = [
        "127.0.0.1", "127.9.9.9", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
        "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1",
        "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::",
    ]  # fmt: skip
    assert [is_public(host) for host in [*public, *others]] == [True] * len(public) + [False] * len(others)
    assert is_own("http://127.0.0.1:1/a")
    assert is_own("https://[::1]/a")
    assert not is_own("http://8.8.8.8/a")
    assert not is_own("s3://10.0.0.1/a")
    assert not is_own("http://[/a")
    assert not is_own("/a")
