"""What a filter left of recordings, as recordings."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace

from mmssl.data.decode.reader import Source
from mmssl.data.keyed import Keyed
from mmssl.data.recordings import FetchAhead, Recording


class KeptRecordings(Keyed):
    """Some recordings of others, each with some of its captions.

    Args:
        recordings: all of them.
        kept: number of a recording to the numbers of its captions, ascending.
    """

    def __init__(self, recordings: Keyed, kept: dict[int, tuple[int, ...]]) -> None:
        self.name, self._all = recordings.name, recordings
        self._numbers, self._captions = list(kept), list(kept.values())

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, index: int) -> Recording:
        found = self._all[self._numbers[index]]
        return replace(found, captions=tuple(found.captions[number] for number in self._captions[index]))

    def source(self, index: int) -> Source:
        """As it was."""
        return self._all.source(self._numbers[index])

    def fetch_ahead(self, indices: Iterable[int]) -> None:
        """See `FetchAhead`."""
        if isinstance(self._all, FetchAhead):
            self._all.fetch_ahead([self._numbers[index] for index in indices])

    def all_keys(self) -> list[str]:
        """Of those that are kept."""
        keys = self._all.all_keys()
        return [keys[number] for number in self._numbers]

    def groups(self) -> Sequence[str]:
        """The group of each."""
        groups = self._all.groups()
        return [groups[number] for number in self._numbers]

    def fingerprint(self) -> str:
        """Of what they are taken from, and of what is kept."""
        kept = repr((self._numbers, self._captions))
        return hashlib.sha256(f"{self._all.fingerprint()}\n{kept}".encode()).hexdigest()
