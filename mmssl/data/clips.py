"""`Clips`, what is cut out of recordings: a few seconds with their pictures, sound and words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from mmssl.data.clip import Clip, ClipFormat, Cut
from mmssl.data.decode.pyav import PyAVReader
from mmssl.data.decode.reader import Reader
from mmssl.data.mixture import Mixed
from mmssl.data.order import Order, Part, Schedule
from mmssl.data.recordings import Recordings
from mmssl.data.sources import open_recordings
from mmssl.data.window import RandomWindow, Window
from mmssl.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class Clips(ClipFormat):
    """Settings alone, with those of `ClipFormat`; nothing is opened before `open`.

    Attributes:
        source: folder, glob, manifest or shards, or several; a mapping of address to weight mixes them.
        window: which seconds.
        reader: decoder.
        order: how training draws them.
        synchronous: pictures and sound must be of the same instants, so a decoder that does not keep them is refused.
    """

    source: str | Sequence[str] | Mapping[str, float]
    window: Window = field(default_factory=RandomWindow)
    reader: Reader = field(default_factory=PyAVReader)
    order: Order = field(default_factory=Order)
    synchronous: bool = False

    def of(self, source: str) -> "Clips":
        """The same cut of other recordings, as an evaluation on held-out ones wants."""
        return replace(self, source=source)

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
        number, which = divmod(index, self.settings.window.count)
        recording = self.recordings[number]
        if self.settings.modalities == ("text",):
            cut = Cut(self.settings, recording, recording.key, seed)
            return cut.clip(None, number, recording.start or 0.0, frozenset())
        source = self.recordings.source(number)
        name = source if isinstance(source, str) else f"{recording.key}.{recording.extension}"
        try:
            with self.settings.reader.open(source, name) as media:
                cut = Cut(self.settings, recording, name, seed)
                present = cut.present(media)
                return cut.clip(media, number, cut.start(media, present, self.settings.window, which), present)
        finally:
            if not isinstance(source, str):
                source.close()
