"""Why a caption or a recording is left out of a corpus.

Jia et al. 2021, "Scaling Up Visual and Vision-Language Representation Learning With Noisy Text Supervision" (ALIGN),
section 3. Two of its rules are not here, against indecent pictures and near-duplicates of test pictures: they need a
model or pictures that this package does not bring. A `RecordingRule` of one's own takes their place.
"""

from dataclasses import dataclass
from typing import Protocol

from mmssl.data.corpus.statistics import Statistics, alike, hashed, n_grams
from mmssl.data.corpus.tally import held_in
from mmssl.data.decode.reader import MediaInfo
from mmssl.data.recordings import Recording
from mmssl.data.tokens import words


class CaptionRule(Protocol):
    """Judges words."""

    @property
    def name(self) -> str:
        """Of the reason, in the report."""
        ...

    def rejects(self, text: str, corpus: Statistics) -> bool:
        """Whether a caption is left out."""
        ...


class RecordingRule(Protocol):
    """Judges a recording by its captions and what its file says of itself."""

    @property
    def name(self) -> str:
        """Of the reason, in the report."""
        ...

    def rejects(self, recording: Recording, info: MediaInfo) -> bool:
        """Whether a recording is left out."""
        ...


@dataclass(frozen=True)
class Length:
    """Fewer or more words than these; a Chinese or Japanese character is a word."""

    fewest: int = 3
    most: int = 20
    name: str = "length"

    def rejects(self, text: str, corpus: Statistics) -> bool:
        """See `CaptionRule`."""
        return not self.fewest <= len(words(text)) <= self.most


@dataclass(frozen=True)
class Shared:
    """The same words for too many recordings, such as a file name or a channel's greeting."""

    name: str = "shared"

    def rejects(self, text: str, corpus: Statistics) -> bool:
        """See `CaptionRule`."""
        return bool(held_in(hashed([alike(text)]), corpus.shared).any())


@dataclass(frozen=True)
class Rare:
    """A word, or two in a row, that is none of the corpus's frequent ones."""

    name: str = "rare words"

    def rejects(self, text: str, corpus: Statistics) -> bool:
        """See `CaptionRule`."""
        return corpus.frequent is not None and not held_in(hashed(n_grams(words(text))), corpus.frequent).all()


@dataclass(frozen=True)
class Crowded:
    """Too many captions for one recording."""

    most: int = 1000
    name: str = "too many captions"

    def rejects(self, recording: Recording, info: MediaInfo) -> bool:
        """See `RecordingRule`."""
        return len(recording.captions) > self.most


@dataclass(frozen=True)
class Small:
    """A picture whose shorter side has no more pixels than these; sound alone passes."""

    pixels: int = 200
    name: str = "small picture"

    def rejects(self, recording: Recording, info: MediaInfo) -> bool:
        """See `RecordingRule`."""
        return info.video is not None and min(info.video.width, info.video.height) <= self.pixels


@dataclass(frozen=True)
class Elongated:
    """A picture whose longer side is so many times the shorter one, or more; sound alone passes."""

    ratio: float = 3.0
    name: str = "aspect ratio"

    def rejects(self, recording: Recording, info: MediaInfo) -> bool:
        """See `RecordingRule`."""
        if info.video is None:
            return False
        sides = info.video.width, info.video.height
        return max(sides) >= self.ratio * min(sides)
