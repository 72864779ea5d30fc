"""Many strings in two flat arrays: quick to store and open where a list of a million objects is not."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


class Strings(Sequence[str]):
    """Many strings in two arrays."""

    def __init__(self, data: NDArray[np.uint8], ends: Ints) -> None:
        self.data, self.ends = data, ends

    @classmethod
    def pack(cls, strings: Sequence[str]) -> "Strings":
        """Join them."""
        encoded = [string.encode("utf-8", "surrogatepass") for string in strings]
        ends = np.cumsum([len(string) for string in encoded], dtype=np.int64)
        return cls(np.frombuffer(b"".join(encoded), np.uint8), ends)

    def __len__(self) -> int:
        return len(self.ends)

    def __getitem__(self, index: int) -> str:  # type: ignore[override]
        start = self.ends[index - 1] if index else 0
        return self.data[start : self.ends[index]].tobytes().decode("utf-8", "surrogatepass")

    def all(self) -> list[str]:
        """As a list, faster than one by one."""
        data, start, strings = self.data.tobytes(), 0, []
        for end in self.ends.tolist():
            strings.append(data[start:end].decode("utf-8", "surrogatepass"))
            start = end
        return strings
