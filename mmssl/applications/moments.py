"""What an index holds and gives: moments of recordings, and the protocol that a folder and a server both follow."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from mmssl.batch import Modality


@dataclass(frozen=True)
class IndexedRecording:
    """One recording as an index knows it.

    Attributes:
        key: unique within the index.
        path: where it can be opened again: the file, or the source and key of a shard's member.
        fingerprint: changes when the media do; an equal one is not embedded again.
    """

    key: str
    path: str
    fingerprint: str
    label: str = ""
    caption: str = ""


@dataclass(frozen=True)
class Moments:
    """The windows of one recording: `start` and `end` in seconds, and n unit vectors of each modality `[n, E]`."""

    start: Sequence[float]
    end: Sequence[float]
    vectors: Mapping[Modality, Tensor]


@dataclass(frozen=True)
class Hit:
    """One answer; `score` is the mean cosine over the modalities that were searched, in [-1, 1]."""

    score: float
    start: float
    end: float
    recording: IndexedRecording


class MomentIndex(Protocol):
    """Moments with their vectors, searchable by cosine."""

    def __len__(self) -> int:
        """How many moments."""
        ...

    @property
    def model(self) -> str:
        """Fingerprint of the model whose vectors these are."""
        ...

    def known(self) -> Mapping[str, str]:
        """Key to fingerprint of each recording that is in."""
        ...

    def add(self, entries: Sequence[tuple[IndexedRecording, Moments]]) -> None:
        """All of them or, after a crash, none; a recording of the same key is replaced."""
        ...

    def search(self, query: Tensor, count: int, modalities: Sequence[Modality]) -> list[Hit]:
        """The best moments for the vector `[E]`, best first; moments that lack all of `modalities` are left out."""
        ...
