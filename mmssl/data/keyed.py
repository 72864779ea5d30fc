"""`Keyed`, the recordings that `open_recordings` gives: they also tell all keys, and can be walked through."""

from collections.abc import Iterator
from typing import Protocol

from mmssl.data.recordings import Recording, Recordings


class Keyed(Recordings, Protocol):
    """Recordings that know their keys without reading anything."""

    def all_keys(self) -> list[str]:
        """Of all recordings."""
        ...

    def __iter__(self) -> Iterator[Recording]:
        return map(self.__getitem__, range(len(self)))
