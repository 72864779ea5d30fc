"""Several sources of recordings as one."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import accumulate

from mmssl.data.decode.reader import Source
from mmssl.data.keyed import Keyed
from mmssl.data.recordings import FetchAhead, Recording
from mmssl.data.shards import find_part, shard_names


class ConcatenatedRecordings(Keyed):
    """The recordings of each part after those of the part before.

    Where two parts hold one key, all keys begin with their part's name; so do the groups that are only the key.
    """

    def __init__(self, name: str, parts: Sequence[Keyed]) -> None:
        self.name, self._parts = name, parts
        self._ends = list(accumulate(len(part) for part in parts))
        keys = [key for part in parts for key in part.all_keys()]
        self._prefixes = shard_names([part.name for part in parts]) if len(set(keys)) < len(keys) else None

    def __len__(self) -> int:
        return self._ends[-1]

    def _find(self, index: int) -> tuple[int, int]:
        return find_part(self.name, self._ends, index)

    def all_keys(self) -> list[str]:
        """Of all recordings."""
        return [self._called(i, key) for i, part in enumerate(self._parts) for key in part.all_keys()]

    def _called(self, part: int, key: str) -> str:
        return f"{self._prefixes[part]}/{key}" if self._prefixes else key

    def __getitem__(self, index: int) -> Recording:
        part, inner = self._find(index)
        found = self._parts[part][inner]
        key = self._called(part, found.key)
        return replace(found, key=key, group=key if found.group == found.key else found.group)

    def source(self, index: int) -> Source:
        """As its part gives it."""
        part, inner = self._find(index)
        return self._parts[part].source(inner)

    def fetch_ahead(self, indices: Iterable[int]) -> None:
        """See `FetchAhead`."""
        for part, inner in map(self._find, indices):
            if isinstance(recordings := self._parts[part], FetchAhead):
                recordings.fetch_ahead([inner])

    def fingerprint(self) -> str:
        """A hash over those of the parts."""
        return hashlib.sha256("\n".join(part.fingerprint() for part in self._parts).encode()).hexdigest()

    def groups(self) -> Sequence[str]:
        """The group of each recording."""
        return [
            self._called(i, key) if group == key else group
            for i, part in enumerate(self._parts)
            for key, group in zip(part.all_keys(), part.groups(), strict=True)
        ]
