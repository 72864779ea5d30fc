"""A full disk and a failing server are one sentence, and the index goes on afterwards."""

import errno
import os
import sqlite3
from pathlib import Path
from typing import Any

import httpx
import pytest
import torch
from qdrant_client import QdrantClient
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

from mmssl.applications import qdrant_server
from mmssl.applications.local_index import LocalIndex
from mmssl.applications.moments import IndexedRecording, Moments
from mmssl.applications.qdrant_index import QdrantIndex
from mmssl.errors import MmsslError, UsageError

ENTRY = (
    IndexedRecording("a", "films", "a", "films/a.mp4", "hash", "label", "a caption"),
    Moments([0.0], [2.0], {"video": torch.eye(1, 4)}),
)


@pytest.mark.fault("R8")
def test_a_full_disk_under_the_vectors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = LocalIndex(tmp_path, "m")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr("mmssl.applications.segments.save_file", full)
        with pytest.raises(MmsslError, match=r"segment-000001.*No space left.*the same command goes on"):
            index.add([ENTRY])
    assert len(LocalIndex(tmp_path)) == 0
    index.add([ENTRY])
    assert len(LocalIndex(tmp_path)) == 1


@pytest.mark.fault("R8")
def test_a_full_disk_under_the_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = LocalIndex(tmp_path, "m")
    connect = sqlite3.connect

    def full(*arguments: Any, **options: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*arguments, **options)
        connection.execute("PRAGMA max_page_count = 1")  # becomes as many as there are
        return connection

    captions = [f"{number:06d}" * 100 for number in range(200)]
    many = Moments([0.0] * 200, [2.0] * 200, {"video": torch.ones(200, 4)}, captions)
    with monkeypatch.context() as patch:
        patch.setattr("sqlite3.connect", full)
        with pytest.raises(MmsslError, match=r"moments.sqlite: database or disk is full; the index is whole"):
            index.add([(ENTRY[0], many)])
    index.add([(ENTRY[0], many)])
    assert len(index) == 200


class _Failing:
    """A client whose server breaks at one method."""

    def __init__(self, fault: Exception, at: str) -> None:
        self._client, self._fault, self._at = QdrantClient(":memory:"), fault, at

    def __getattr__(self, name: str) -> Any:
        def broken(*_: object, **__: object) -> None:
            raise self._fault

        return broken if name == self._at else getattr(self._client, name)


@pytest.mark.fault("R16")
@pytest.mark.parametrize(
    "fault",
    [
        ResponseHandlingException(httpx.ReadTimeout("timed out")),
        UnexpectedResponse(507, "Insufficient Storage", b"<html>\n<b>disk\nfull</b>", httpx.Headers()),
    ],
)
def test_a_server_that_fails_half_way(fault: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    failing = _Failing(fault, "upsert")
    monkeypatch.setattr("qdrant_client.QdrantClient", lambda **_: failing)
    client, collection = qdrant_server.connect("http://vectors:6333/clips")
    index = QdrantIndex(client, collection, "m")
    with pytest.raises(MmsslError, match="http://vectors:6333: the Qdrant server failed at upsert") as caught:
        index.add([ENTRY])
    assert "\n" not in str(caught.value)
    failing._at = ""
    index.add([ENTRY])
    assert len(index) == 1


@pytest.mark.fault("R16")
def test_a_server_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    fault = ResponseHandlingException(httpx.ConnectError("refused"))
    monkeypatch.setattr("qdrant_client.QdrantClient", lambda **_: _Failing(fault, "get_collections"))
    with pytest.raises(UsageError, match="no Qdrant server answers"):
        qdrant_server.connect("http://vectors:6333/clips")
