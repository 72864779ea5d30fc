"""Words to ids without a vocabulary, for text towers that are trained from nothing on captions not yet seen."""

from collections.abc import Sequence
from pathlib import Path
from zlib import crc32

import torch
from torch import Tensor

from mmssl.data.tokens import words


class HashTokenizer:
    """Feature hashing (Weinberger et al. 2009): a word's id is its hash, so every language has a place from the start.

    Two words may share an id; of 400 words in 4,096 places a tenth do.

    Args:
        size: number of ids.
    """

    def __init__(self, size: int = 4096) -> None:
        self.size = size

    def __call__(self, texts: Sequence[str], length: int) -> Tensor:
        """`n` texts to `[n, length]` int64, -1 is padding."""
        ids = torch.full((len(texts), length), -1, dtype=torch.int64)
        for row, text in enumerate(texts):
            # crc32 and not hash(): that one differs from process to process.
            found = [crc32(word.encode()) % self.size for word in words(text)[:length]]
            ids[row, : len(found)] = torch.tensor(found, dtype=torch.int64)
        return ids

    def fingerprint(self) -> str:
        """Equal when the ids are."""
        return f"crc32-{self.size}"

    def save(self, folder: Path) -> None:
        """Its size is all there is."""
        (folder / "hashing.txt").write_text(f"{self.size}\n")
