"""Several sources in one: in which shares they are drawn, and one numbering over all of them."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from mmssl.data.decode.reader import Source
from mmssl.data.permutation import Numbers, mix, permute
from mmssl.data.recordings import FetchAhead, Recording, Recordings
from mmssl.errors import UsageError

_PERIOD = 1000  # draws in which each source has exactly its share


class Mixture:
    """Draws from sources by weight: exact in each 1000 draws, shuffled within.

    Args:
        weights: positive; only their ratios count. A share is rounded to a thousandth and is at least one.
        key: of the shuffle.

    Raises:
        UsageError: a weight is not positive, or there are too many sources.
    """

    def __init__(self, weights: Sequence[float], key: int) -> None:
        if any(not 0 < weight < float("inf") for weight in weights) or len(weights) > _PERIOD:
            raise UsageError(f"weights of sources are positive numbers, at most {_PERIOD} of them, not {list(weights)}")
        exact = np.asarray(weights, dtype=np.float64) / sum(weights) * _PERIOD
        self.shares = np.maximum(np.floor(exact).astype(np.int64), 1)
        while (missing := _PERIOD - int(self.shares.sum())) != 0:
            # Largest remainders first; what the minimum of one took comes from the largest share.
            self.shares[np.argmax(exact - self.shares if missing > 0 else self.shares)] += np.sign(missing)
        self.ends, self.key = np.cumsum(self.shares), key

    def draw(self, numbers: Numbers) -> tuple[Numbers, Numbers]:
        """`[n]` numbers of draws to `[n]` sources and `[n]` numbers of draws within that source."""
        if len(self.shares) == 1:
            return np.zeros_like(numbers), numbers
        periods, places = np.divmod(numbers, _PERIOD)
        slots = permute(places, _PERIOD, mix(self.key, periods))
        sources = np.searchsorted(self.ends, slots, side="right")
        share = self.shares[sources]
        return sources, periods * share + slots - (self.ends[sources] - share)


class Mixed:
    """Several sources numbered one after another; a `Recordings`.

    Keys are unique within a source alone, so groups get their source's name in front.
    """

    def __init__(self, sources: Sequence[Recordings]) -> None:
        self.sources = tuple(sources)
        self.ends = np.cumsum([len(source) for source in sources])
        self.name = " + ".join(source.name for source in sources)

    def _find(self, index: int) -> tuple[Recordings, int]:
        number = int(np.searchsorted(self.ends, index, side="right"))
        if not 0 <= index < len(self):
            raise IndexError(index)
        source = self.sources[number]
        return source, index - int(self.ends[number]) + len(source)

    def __len__(self) -> int:
        return int(self.ends[-1])

    def __getitem__(self, index: int) -> Recording:
        source, inner = self._find(index)
        recording = source[inner]
        return replace(recording, group=f"{source.name}/{recording.group or recording.key}")

    def source(self, index: int) -> Source:
        """The media of one recording."""
        source, inner = self._find(index)
        return source.source(inner)

    def fetch_ahead(self, indices: Iterable[int]) -> None:
        """See `FetchAhead`."""
        for source, inner in map(self._find, indices):
            if isinstance(source, FetchAhead):
                source.fetch_ahead([inner])

    def fingerprint(self) -> str:
        """Of all sources."""
        return "+".join(source.fingerprint() for source in self.sources)

    def groups(self) -> Sequence[str]:
        """With the source's name in front."""
        return [f"{source.name}/{group}" for source in self.sources for group in source.groups()]
