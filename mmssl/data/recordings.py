"""`Recording`, one entry of a data set, and the protocol of everything that holds recordings."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from mmssl.data.decode.reader import Source


@dataclass(frozen=True)
class Caption:
    """Words for a part of a recording; `start` and `end` are None when they are about all of it (seconds)."""

    text: str
    language: str = ""  # ISO 639-1, "" when unknown
    start: float | None = None
    end: float | None = None


@dataclass(frozen=True)
class Recording:
    """One recording, or the seconds [start, end) of it.

    Attributes:
        key: unique name within its source, also the name of its members in a shard.
        extension: of the media file, without the dot.
        group: recordings of one origin share it (default: the key).
        extra: everything else that the manifest or the `.json` beside it says; the synthetic world's `truth` is here.
    """

    key: str
    extension: str
    captions: tuple[Caption, ...] = ()
    start: float | None = None
    end: float | None = None
    label: str = ""
    group: str = ""
    extra: dict[str, Any] = field(default_factory=dict)


class Recordings(Protocol):
    """A sequence of recordings with random access: a folder, a manifest, shards, or several of these."""

    name: str  # as the user gave it

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Recording: ...

    def source(self, index: int) -> Source:
        """The media of one recording, for `Reader.open`: a path, or an open file that the caller closes."""
        ...

    def fingerprint(self) -> str:
        """A hash over keys and sizes: a resumed run refuses other data."""
        ...

    def groups(self) -> Sequence[str]:
        """The group of each recording, without reading the media."""
        ...


@runtime_checkable
class FetchAhead(Protocol):
    """Recordings that are far away and can be fetched while others are decoded."""

    def fetch_ahead(self, indices: Iterable[int]) -> None:
        """Begin to fetch what will soon be read; says nothing of what fails, which reading will."""
        ...
