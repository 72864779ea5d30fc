"""A Qdrant server, and what it says when something goes wrong in one sentence."""

import os
from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlsplit

from mmssl.errors import MmsslError, UsageError


class _Server:
    """A client whose calls raise a `MmsslError` when the server fails.

    Args:
        client: a `qdrant_client.QdrantClient`.
        address: of the server.
        faults: what the client raises.
    """

    def __init__(self, client: Any, address: str, faults: tuple[type[Exception], ...]) -> None:
        self._client, self._address, self._faults = client, address, faults

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._client, name)

        @wraps(method)
        def call(*arguments: Any, **options: Any) -> Any:
            try:
                return method(*arguments, **options)
            except self._faults as error:
                said = " ".join(str(error).split())[:300]  # an answer may be a page of HTML
                raise MmsslError(
                    f"{self._address}: the Qdrant server failed at {name} ({said}); when it is mended, the same "
                    "command goes on from what was stored"
                ) from error

        return call


def connect(address: str) -> tuple[Any, str]:
    """A client and the collection's name for `http://host:6333/collection`; a key is taken from QDRANT_API_KEY.

    Raises:
        UsageError: the address names no collection, no server answers there, or qdrant-client is not installed.
    """
    try:
        from qdrant_client import QdrantClient
        from qdrant_client.common.client_exceptions import QdrantException
        from qdrant_client.http.exceptions import ApiException
    except ImportError as error:
        raise UsageError("a Qdrant address needs its client: pip install 'mmssl[qdrant]'") from error
    parts = urlsplit(address)
    collection = parts.path.strip("/")
    if not collection:
        raise UsageError(f"{address}: name the collection too, as in http://localhost:6333/clips")
    server = f"{parts.scheme}://{parts.netloc}"
    key = os.environ.get("QDRANT_API_KEY")
    client = QdrantClient(url=server, api_key=key, check_compatibility=False, timeout=60)
    try:
        client.get_collections()
    except ApiException as error:
        raise UsageError(f"{server}: no Qdrant server answers as it should ({error}); check address and key") from error
    return _Server(client, server, (ApiException, QdrantException)), collection
