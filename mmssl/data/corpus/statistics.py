"""What a corpus of captions is like as a whole: the first of two passes over it."""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from itertools import pairwise
from pathlib import Path

import numpy as np

from mmssl.data.corpus.tally import Hashes, Tally
from mmssl.data.recordings import Recording
from mmssl.data.tokens import words


def hashed(texts: Iterable[str]) -> Hashes:
    """64 bits of each."""
    digests = b"".join(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest() for text in texts)
    return np.frombuffer(digests, np.uint64)


def alike(text: str) -> str:
    """What makes two captions the same: their words."""
    return " ".join(words(text))


def n_grams(tokens: list[str]) -> list[str]:
    """Unigrams and bigrams."""
    return [*tokens, *(f"{first} {second}" for first, second in pairwise(tokens))]


@dataclass(frozen=True)
class Statistics:
    """Sorted hashes.

    Attributes:
        shared: captions that go with too many pictures.
        frequent: uni- and bigrams; None where all are frequent enough.
    """

    shared: Hashes
    frequent: Hashes | None


def statistics(recordings: Iterable[Recording], folder: Path, most_shared: int, n_grams_kept: int) -> Statistics:
    """Count.

    Args:
        recordings: all of them; only their captions are looked at.
        folder: for counts that are too many for memory.
        most_shared: recordings that may share a caption.
        n_grams_kept: uni- and bigrams that count as frequent.
    """
    grams, captions = Tally(folder / "n_grams"), Tally(folder / "captions")
    for recording in recordings:
        for caption in recording.captions:
            grams.add(hashed(n_grams(words(caption.text))))
        captions.add(hashed({alike(caption.text) for caption in recording.captions}))
    return Statistics(captions.above(most_shared), grams.most_frequent(n_grams_kept))
