"""`Clips`, what is cut out of recordings: a few seconds with their pictures, sound and words."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from mmssl.batch import Modality
from mmssl.data.clip import Clip, ClipFormat
from mmssl.data.decode.pyav import PyAVReader
from mmssl.data.decode.reader import Reader
from mmssl.data.mixture import Mixed
from mmssl.data.order import Order, Part, Schedule
from mmssl.data.outage import Outage
from mmssl.data.recordings import FetchAhead, Recordings
from mmssl.data.sources import open_recordings
from mmssl.data.visit import Visit, Wanted
from mmssl.data.watch import Condemned, Watch
from mmssl.data.window import RandomWindow, Window
from mmssl.errors import Fault, MediaError, UsageError


@dataclass(frozen=True, kw_only=True)
class Clips(ClipFormat):
    """Settings alone, with those of `ClipFormat`; nothing is opened before `open`.

    Attributes:
        source: folder, glob, manifest or shards, or several; a mapping of address to weight mixes them.
        window: which seconds.
        reader: decoder.
        order: how training draws them.
        synchronous: pictures and sound must be of the same instants, so a decoder that does not keep them is refused.
        patience: seconds that a worker may take over one recording; then it is ended and the recording counts as
            unreadable. Without workers nobody can end a decoder that is stuck.
    """

    source: str | Sequence[str] | Mapping[str, float]
    window: Window = field(default_factory=RandomWindow)
    reader: Reader = field(default_factory=PyAVReader)
    order: Order = field(default_factory=Order)
    synchronous: bool = False
    patience: float = 60.0

    def of(self, source: str) -> "Clips":
        """The same cut of other recordings, as an evaluation on held-out ones wants."""
        return replace(self, source=source)

    def only(self, *modalities: Modality) -> "Clips":
        """The same cut with these modalities alone; for words alone no recording is opened."""
        left_out = {"video": {"frames": 0}, "audio": {"sample_rate": 0}, "text": {"captions": 0}}
        nothing = {name: size for m, sizes in left_out.items() if m not in modalities for name, size in sizes.items()}
        require = None if self.require is None else tuple(m for m in self.require if m in modalities)
        return replace(self, require=require, **nothing)  # type: ignore[arg-type]

    def demand_synchrony(self, who: str) -> None:
        """Refuse a decoder that does not keep picture and sound of the same instants together.

        Args:
            who: what needs it, as the beginning of a sentence that ends with "synchronous".

        Raises:
            UsageError: it does not.
        """
        if not self.reader.capabilities.synchronous:
            raise UsageError(f"{who} synchronous, but {self.reader.capabilities.warning}; give reader=PyAVReader()")

    def open(self) -> "OpenClips":
        """List the recordings.

        Raises:
            UsageError: a setting is out of range, or the source is not there.
        """
        self.check()
        if self.synchronous:
            self.demand_synchrony("these clips are to be")
        if not self.patience > 0:
            raise UsageError(f"Clips needs a patience above 0 seconds, not {self.patience}")
        if isinstance(self.source, Mapping):
            sources = [open_recordings(address) for address in self.source]
            return OpenClips(self, sources, list(self.source.values()))
        return OpenClips(self, [open_recordings(self.source)], [1.0])


class OpenClips:
    """Recordings, and the clips that the settings cut out of them.

    Args:
        settings: what to cut.
        sources: the recordings, one after another.
        weights: one a source.
    """

    def __init__(self, settings: Clips, sources: Sequence[Recordings], weights: Sequence[float]) -> None:
        self.settings, self.sources, self.weights = settings, tuple(sources), tuple(weights)
        self.recordings: Recordings = sources[0] if len(sources) == 1 else Mixed(sources)
        self._outage = Outage()

    def __len__(self) -> int:
        return len(self.recordings) * self.settings.window.count

    def settled(self) -> "OpenClips":
        """The same recordings with the window that evaluation looks at."""
        return self.with_settings(window=self.settings.window.settled())

    def with_settings(self, **changed: Any) -> "OpenClips":
        """The same recordings cut otherwise, without listing them again."""
        return OpenClips(replace(self.settings, **changed), self.sources, self.weights)

    def fingerprint(self) -> str:
        """Of the recordings."""
        return self.recordings.fingerprint()

    def schedule(self, *, seed: int, batch_size: int) -> Schedule:
        """The order of a run.

        Raises:
            UsageError: the order's options do not fit the data or the batch.
        """
        order, count = self.settings.order, self.settings.window.count
        parts = []
        for source, weight in zip(self.sources, self.weights, strict=True):
            names = order.grouping.names(source)
            groups = None if names is None else np.unique(np.asarray(names), return_inverse=True)[1].repeat(count)
            parts.append(Part(len(source) * count, weight, groups))
        return Schedule(order, parts, seed=seed, batch_size=batch_size)

    def key(self, index: int) -> str:
        """Of the recording of clip `index`."""
        return self.recordings[index // self.settings.window.count].key

    def clip(self, index: int, seed: int) -> Clip:
        """Decode one clip.

        Args:
            index: in [0, len).
            seed: all that is random about it.

        Raises:
            MediaError: the recording cannot be read, lacks what is required, or is too short.
        """
        (result,) = self.decode([(index, seed)], Watch())
        if isinstance(result, MediaError):
            raise result
        return result

    def decode(self, asked: Sequence[tuple[int, int]], watch: Watch) -> list[Clip | MediaError]:
        """Decode clips, opening each recording once for all that are asked of it.

        Args:
            asked: (index, seed) of each clip; what it holds depends on these alone.
            watch: is told which recording is being read.

        Returns:
            In the order asked: a clip, or why it cannot be had.

        Raises:
            MediaError: NETWORK; the storage does not answer at all.
        """
        places: dict[int, list[int]] = {}
        wanted: list[Wanted] = []
        for place, (index, seed) in enumerate(asked):
            number, window = divmod(index, self.settings.window.count)
            places.setdefault(number, []).append(place)
            wanted.append(Wanted(window, seed))
        found: dict[int, Clip | MediaError] = {}
        for number, here in places.items():
            results = self._visit(number, [wanted[place] for place in here], watch)
            self._outage.look(results[0] if isinstance(results[0], MediaError) else None)
            found |= zip(here, results, strict=True)
        return [found[place] for place in range(len(asked))]

    def fetch_ahead(self, indices: Iterable[int]) -> None:
        """Begin to fetch the recordings of clips that are decoded soon, where they are far away."""
        if isinstance(self.recordings, FetchAhead):
            self.recordings.fetch_ahead(dict.fromkeys(index // self.settings.window.count for index in indices))

    def _visit(self, number: int, wanted: Sequence[Wanted], watch: Watch) -> Sequence[Clip | MediaError]:
        try:
            with watch.on(number):
                return self._open(number, wanted, watch.condemned)
        except MediaError as error:
            if len(wanted) == 1 or error.fault is Fault.NETWORK:
                return [error] * len(wanted)
        # One window may be broken where the others are not: each as if it had been asked for alone.
        return [result for one in wanted for result in self._visit(number, [one], watch)]

    def _open(self, number: int, wanted: Sequence[Wanted], condemned: Condemned) -> list[Clip]:
        recording, settings = self.recordings[number], self.settings
        if settings.modalities == ("text",):
            return Visit(settings, recording, number, recording.key).clips(None, settings.window, wanted)
        source = self.recordings.source(number)
        name = source if isinstance(source, str) else f"{recording.key}.{recording.extension}"
        try:
            if number in condemned:
                raise MediaError(name, *condemned[number])
            with settings.reader.open(source, name) as media:
                return Visit(settings, recording, number, name).clips(media, settings.window, wanted)
        finally:
            if not isinstance(source, str):
                source.close()
