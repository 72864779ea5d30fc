"""Vectors that were computed once and are read by the number of a recording: `mmssl features` writes them.

A folder with `vectors.npy` `[N, D]` float32, NaN where a recording could not be read; `keys.npy` `[N]` int64, hashes of
the recordings' names; and `about.json` with what computed them.
"""

import hashlib
import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mmssl.batch import Batch
from mmssl.errors import UsageError
from mmssl.modules.fingerprint import fingerprint

VECTORS, KEYS, ABOUT = "vectors.npy", "keys.npy", "about.json"


def key_numbers(keys: Sequence[str]) -> NDArray[np.int64]:
    """`[N]` hashes of names."""
    digests = b"".join(hashlib.blake2b(key.encode(errors="surrogateescape"), digest_size=8).digest() for key in keys)
    return np.frombuffer(digests, dtype=np.int64)


class StoredFeatures:
    """The vectors of a folder, in memory only where they are read. Nothing is opened before the first batch.

    Args:
        folder: of `mmssl features`.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder, self._known = Path(folder), False

    def __call__(self, batch: Batch, encoder: nn.Module) -> tuple[Tensor, Tensor]:
        """`[B, D]`, 0 where there is none, and `[B]` bool, where there is one.

        Args:
            batch: of which `index` and `keys` are read.
            encoder: whose features they are to be; it is compared once, since it does not change.

        Raises:
            UsageError: they are of other recordings or other weights, or cannot be read.
        """
        if not self._known and self._about.get("weights") != fingerprint(encoder):
            raise UsageError(f"{self.folder}: features of another encoder; make them anew by `mmssl features`")
        self._known = True
        rows = batch.index.cpu().numpy()
        wanted = key_numbers(batch.keys) if "keys" in batch else None
        if rows.max() >= len(self._keys) or (wanted is not None and (self._keys[rows] != wanted).any()):
            raise UsageError(f"{self.folder}: features of other recordings; make them anew by `mmssl features`")
        vectors = torch.from_numpy(self._vectors[rows]).to(batch.index.device)
        return vectors.nan_to_num(0.0), ~vectors.isnan().any(1)

    @cached_property
    def _about(self) -> dict[str, Any]:
        try:
            about: dict[str, Any] = json.loads((self.folder / ABOUT).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise UsageError(
                f"{self.folder}: no stored features ({error}); give the --out of `mmssl features`"
            ) from error
        return about

    @cached_property
    def _vectors(self) -> NDArray[np.float32]:
        return self._read(VECTORS)

    @cached_property
    def _keys(self) -> NDArray[np.int64]:
        return self._read(KEYS)

    def _read(self, name: str) -> NDArray[Any]:
        try:
            found: NDArray[Any] = np.load(self.folder / name, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError) as error:
            raise UsageError(f"{self.folder / name}: cannot be read ({error}); make it by `mmssl features`") from error
        return found
