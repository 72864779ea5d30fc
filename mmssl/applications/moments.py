"""What an index holds and gives: moments of recordings, and the protocol that a folder and a server both follow."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from mmssl.batch import Modality


@dataclass(frozen=True)
class IndexedRecording:
    """One recording as an index knows it.

    Attributes:
        key: unique within the index: `path` or `source` with `member`, and the seconds where it is a part of a file.
        source: the data set that it came from, as `open_recordings` takes it.
        member: its key within the source.
        path: the local file; "" for a member of a shard or a remote file, which is opened through its source.
        fingerprint: changes when the media, the captions or the windows do; an equal one is not embedded again.
    """

    key: str
    source: str
    member: str
    path: str
    fingerprint: str
    label: str = ""
    caption: str = ""

    @property
    def name(self) -> str:
        """For people: the file, or the member behind its source."""
        return self.path or f"{self.source}/{self.member}"


@dataclass(frozen=True)
class Moments:
    """The windows of one recording.

    Attributes:
        start: of each window, seconds.
        end: likewise.
        vectors: n unit vectors of each modality, `[n, E]`; a row of NaN where a window lacks it.
        captions: of each window, "" where that of the recording says it; empty for none at all.
    """

    start: Sequence[float]
    end: Sequence[float]
    vectors: Mapping[Modality, Tensor]
    captions: Sequence[str] = ()


@dataclass(frozen=True)
class Hit:
    """One answer.

    Attributes:
        score: as `mmssl.applications.fusion` says; higher is better.
        start: seconds into the recording.
        end: likewise.
        recording: in which the moment is.
        caption: of the moment, else of the recording, else "".
    """

    score: float
    start: float
    end: float
    recording: IndexedRecording
    caption: str = ""


class SearchableIndex(Protocol):
    """Moments with their vectors, searched by cosine."""

    @property
    def model(self) -> str:
        """Fingerprint of the model whose vectors these are."""
        ...

    @property
    def run(self) -> str:
        """Folder of that model's run, "" when it had none."""
        ...

    def __len__(self) -> int:
        """How many moments."""
        ...

    def search(
        self, query: Tensor, count: int, modalities: Sequence[Modality], asked: Modality | None = None
    ) -> list[Hit]:
        """The best moments for the unit vector `[E]`, best first; moments that lack all of `modalities` are left out.

        Args:
            query: `[E]`.
            count: at most.
            modalities: to compare with.
            asked: the modality that the query is of; without it all modalities count alike.
        """
        ...


class MomentIndex(SearchableIndex, Protocol):
    """One that is written to as well."""

    def known(self) -> Mapping[str, str]:
        """Key to fingerprint of each recording that is in."""
        ...

    def members_of(self, source: str) -> Mapping[str, str]:
        """Keys of the recordings that came from a source, and how it calls them."""
        ...

    def add(self, entries: Sequence[tuple[IndexedRecording, Moments]]) -> None:
        """All of them or, after a crash, none; a recording of the same key is replaced."""
        ...

    def remove(self, keys: Collection[str]) -> None:
        """Recordings with their moments."""
        ...

    def recalls(self) -> Mapping[str, float]:
        """For each direction that is not searched exactly (`text->video`) the measured share of true answers found."""
        ...
