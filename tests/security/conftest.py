"""Canaries: a server that counts who connects, a file that counts who opens it, and a tiny model to attack."""

import ctypes
import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from mmssl.applications.model import Model
from mmssl.data.clips import Clips
from mmssl.data.hashing import HashTokenizer
from mmssl.data.synthetic.film import write
from mmssl.encoders.audio_resnet import AudioResNet
from mmssl.encoders.image_small import ImageSmall
from mmssl.encoders.text_words import TextMean
from mmssl.modules.front_ends import log_mel
from mmssl.modules.resnet import group_norm
from mmssl.objectives.contrastive.info_nce import InfoNCE
from mmssl.run import Run

_OPENED = 0x20 | 0x01  # IN_OPEN, IN_ACCESS
_NONBLOCKING = 0o4000


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own."""
    monkeypatch.setenv("MMSSL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


class Server:
    """A loopback address to which nobody should connect."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port, self.connections = self._socket.getsockname()[1], 0
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            connection.close()

    def close(self) -> None:
        # Closing alone leaves `accept` waiting.
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


@pytest.fixture
def server() -> Iterator[Server]:
    found = Server()
    yield found
    found.close()


class Watched:
    """A real film of another owner: how often anything in this process or another opened it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._queue = self._libc.inotify_init1(_NONBLOCKING)
        assert self._libc.inotify_add_watch(self._queue, os.fsencode(path), _OPENED) >= 0

    def opened(self) -> bool:
        """Since it was last asked."""
        try:
            return bool(os.read(self._queue, 1 << 16))
        except BlockingIOError:
            return False

    def close(self) -> None:
        os.close(self._queue)


@pytest.fixture(scope="session")
def film_bytes(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A film of 1.5 s with a tone."""
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    frames = np.random.default_rng(0).integers(0, 255, (15, 32, 32, 3), np.uint8)
    write(path, frames, np.sin(np.arange(24_000) / 5).astype(np.float32) * 0.3, 10, 16_000)
    return path.read_bytes()


@pytest.fixture
def secret(tmp_path: Path, film_bytes: bytes) -> Iterator[Watched]:
    (tmp_path / "home").mkdir()
    path = tmp_path / "home" / "secret.mp4"
    path.write_bytes(film_bytes)
    watched = Watched(path)
    yield watched
    watched.close()


@pytest.fixture(scope="session")
def model() -> Model:
    torch.manual_seed(0)
    objective = InfoNCE(
        video=ImageSmall(),
        audio=AudioResNet(log_mel(), width=8, depths=(1, 1, 1), strides=(1, 2, 2), norm=group_norm),
        text=TextMean(64, 16),
        dim=16,
    )
    data = Clips(source="nowhere", seconds=1.0, frames=2, pixels=32, words=4, tokenizer=HashTokenizer(64))
    return Model(Run(data=data, objective=objective, steps=1, batch_size=2), torch.device("cpu"))


@pytest.fixture
def trap(tmp_path: Path) -> Callable[[], str]:
    """Python source that leaves a canary file; at the end of the test there must be none."""
    canary = tmp_path / "CANARY"

    def source() -> str:
        return f"open({str(canary)!r}, 'w').close()"

    return source


@pytest.fixture(autouse=True)
def nothing_ran(tmp_path: Path) -> Iterator[None]:
    yield
    assert not (tmp_path / "CANARY").exists(), "code of the attacker was run"
