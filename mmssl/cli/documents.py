"""JSON as commands give it: `--json` prints one document and nothing else there, so that `> file` and `| jq` work."""

import math
from collections.abc import Mapping
from typing import Any

from mmssl.cli.terminal import plain


def print_json(content: object) -> None:
    """Print a document; people are told the rest by `warn`."""
    print(plain(document(content)), end="")


def document(content: object) -> str:
    """Its text, with a line end; NaN and infinity, which Python would write and other readers refuse, are null."""
    from json import dumps

    return dumps(_finite(content), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _finite(content: Any) -> Any:
    if isinstance(content, Mapping):
        return {name: _finite(value) for name, value in content.items()}
    if isinstance(content, list | tuple):
        return [_finite(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content
