"""Runs that this user has opened before, by the hash of recipe, modules beside it and arguments.

A run folder's recipe is a program that is run when the folder is loaded. Who names a folder trusts it; an index, which
may come from anybody, names one as well, and that is not enough.
"""

import hashlib
import json
from contextlib import suppress
from pathlib import Path

from mmssl.data.cache import cache_folder
from mmssl.training.beside import others
from mmssl.training.recipe import Recipe


def _mark(recipe: Recipe) -> Path:
    told = recipe.path.read_bytes() + b"\0" + json.dumps(recipe.arguments, sort_keys=True).encode()
    for name, text in others(recipe.path).items():
        told += f"\0{name}\0{len(text)}\0".encode("utf-8", "surrogateescape") + text
    return cache_folder() / "recipes" / hashlib.sha256(told).hexdigest()


def remember(recipe: Recipe) -> None:
    """Its folder was named by the user; a cache that cannot be written remembers nothing."""
    with suppress(OSError):
        mark = _mark(recipe)
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.touch()


def is_known(recipe: Recipe) -> bool:
    """Whether it was remembered, and is unchanged."""
    return _mark(recipe).is_file()
