"""Qdrant's REST interface in front of the client's own local mode.

Requests are read by the models that are generated from the server's OpenAPI description and forbid what it does not
know, so what the adapter sends is checked as it crosses the wire. It is not the real server: the index, the shards and
the limits of that are not in it.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from pydantic import ValidationError
from qdrant_client import QdrantClient
from qdrant_client.http import models


def answer(client: QdrantClient, method: str, path: str, body: Any) -> Any:
    """The `result` of a request."""
    parts = path.partition("?")[0].strip("/").split("/")
    if parts == ["collections"]:
        return client.get_collections()
    name, rest = parts[1], (method, *parts[2:])
    if rest == ("GET", "exists"):
        return models.CollectionExistence(exists=client.collection_exists(name))
    if rest == ("PUT",):
        return client.create_collection(name, vectors_config=models.CreateCollection.model_validate(body).vectors)
    if rest == ("PUT", "index"):
        models.CreateFieldIndex.model_validate(body)
        return models.UpdateResult(operation_id=0, status=models.UpdateStatus.COMPLETED)
    if rest == ("PUT", "points"):
        return client.upsert(name, models.PointsList.model_validate(body).points)
    if rest == ("POST", "points", "delete"):
        return client.delete(name, models.FilterSelector.model_validate(body))
    if rest == ("POST", "points", "count"):
        asked = models.CountRequest.model_validate(body)
        return client.count(name, count_filter=asked.filter)
    if rest == ("POST", "points", "scroll"):
        page = models.ScrollRequest.model_validate(body)
        points, following = client.scroll(
            name, page.filter, page.limit or 10, None, page.offset, page.with_payload, page.with_vector or False
        )
        return models.ScrollResult(points=points, next_page_offset=following)
    if rest == ("POST", "points", "query"):
        query = models.QueryRequest.model_validate(body)
        return client.query_points(
            name, query.query, using=query.using, limit=query.limit or 10, with_vectors=query.with_vector or False
        )
    raise KeyError(path)


@contextmanager
def served() -> Iterator[str]:
    """The address of a server that is empty at first."""
    client, lock = QdrantClient(":memory:"), threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        """One request."""

        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def _handle(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(size)) if size else None
            try:
                with lock:
                    result = answer(client, self.command, self.path, body)
                status, told = 200, {"status": "ok", "time": 0.0}
            except (KeyError, ValidationError, ValueError) as error:
                status, result, told = 400, None, {"status": {"error": str(error)}, "time": 0.0}
            told["result"] = result.model_dump(mode="json") if hasattr(result, "model_dump") else result
            data = json.dumps(told).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_PUT = do_POST = _handle  # noqa: N815  # the names that http.server calls

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
