"""Many strings in two flat arrays: quick to store and open where a list of a million objects is not."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

_FACTOR = 0x9E3779B97F4A7C15


@lru_cache(maxsize=2)
def _powers(factor: int, count: int) -> NDArray[np.uint64]:
    """factor^0, factor^1, ... modulo 2^64."""
    powers = np.full(count, factor, np.uint64)
    powers[0] = 1
    return np.cumprod(powers, out=powers)


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

    def hashes(self) -> NDArray[np.uint64]:
        """A number of each string, equal for equal strings: the polynomial sum of byte_i * factor^i modulo 2^64.

        A running sum over all bytes gives them all at once; what stands before a string is taken off, and its first
        byte brought to the power 0 by the inverse that an odd factor has.
        """
        room = 1 << len(self.data).bit_length()
        sums = np.zeros(len(self.data) + 1, np.uint64)
        np.cumsum((self.data + np.uint64(1)) * _powers(_FACTOR, room)[: len(self.data)], out=sums[1:])
        starts = np.concatenate([[0], self.ends[:-1]])
        hashes: NDArray[np.uint64] = (sums[self.ends] - sums[starts]) * _powers(pow(_FACTOR, -1, 1 << 64), room)[starts]
        return hashes

    def all(self) -> list[str]:
        """As a list, faster than one by one."""
        data, start, strings = self.data.tobytes(), 0, []
        for end in self.ends.tolist():
            strings.append(data[start:end].decode("utf-8", "surrogatepass"))
            start = end
        return strings
