"""An index folder as a search sees it: segments mapped into memory, codes for a scan, engines that were measured."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import torch
from torch import Tensor

from mmssl.applications.best import Part
from mmssl.applications.kept import Kept, sieves_of
from mmssl.applications.loaded import Loaded, direction, measured_recall
from mmssl.applications.nearest import Nearest
from mmssl.applications.segments import open_vectors
from mmssl.applications.vectors import Vectors
from mmssl.batch import MODALITIES, Modality

EXACT_LIMIT = 1_000_000  # moments; above, `mmssl index` also tries an approximate search
SIEVE_FROM = 100_000  # moments; below, reading all vectors takes less time than starting the compiled scan


def _codes(folder: Path) -> Path:
    return folder / "sieve.safetensors"


def _engine(folder: Path, modality: Modality) -> Path:
    return folder / f"nearest-{modality}"


@dataclass(frozen=True)
class Mapped:
    """Files of an index, open.

    Attributes:
        folder: of the index.
        revision: of the index, as of `Kept`.
        places: `[n, 2]`, segment and row of each moment, ascending.
        vectors: of all modalities.
        kept: codes that were made for this revision or one before.
    """

    folder: Path
    revision: str
    places: Tensor
    vectors: Mapping[Modality, Vectors]
    kept: Kept | None

    @classmethod
    def of(cls, folder: Path, revision: str, moments: Callable[[], list[tuple[int, int]]]) -> Self:
        """Open them; what was kept for this revision says which moments there are, else `moments` is called.

        Raises:
            CheckpointError: a segment is gone or damaged.
        """
        kept, there = Kept.read(_codes(folder)), None
        if kept is not None and kept.revision == revision:
            places = kept.places
            there = {modality: sieve.residual >= 0 for modality, sieve in kept.sieves.items()}
        else:
            places = torch.tensor(moments(), dtype=torch.int64).reshape(-1, 2)
        return cls(folder, revision, places, open_vectors(folder, places, there), kept)

    def loaded(self, recalls: Mapping[str, float]) -> Loaded:
        """Ready to search; codes that are missing are made and kept.

        Args:
            recalls: what was measured of the engines.
        """
        kept, large = self.kept, len(self.places) >= SIEVE_FROM
        if large and (kept is None or kept.revision != self.revision):
            there = {modality: some for modality, some in self.vectors.items() if some.there.any()}
            kept = sieves_of(self.revision, self.places, there, kept)
            kept.write(_codes(self.folder))
        sieves = kept.sieves if large and kept is not None else {}
        parts = {modality: Part(some, sieves.get(modality)) for modality, some in self.vectors.items()}
        engines = {}
        for modality in MODALITIES if recalls else ():
            engine = Nearest.kept(self.vectors[modality], self.places, _engine(self.folder, modality))
            if engine is not None:
                engines[modality] = engine
        return Loaded(self.places, parts, engines, recalls)


def try_engines(loaded: Loaded, folder: Path) -> dict[str, float]:
    """Build what searches approximately, and measure it with vectors of each modality; nothing while a scan is quick.

    Returns:
        recall@10 of searching pictures, sounds and both by each other modality, as `direction` names it.
    """
    there = [m for m in MODALITIES if loaded.parts[m].vectors.there.any()]
    searched = [m for m in there if m != "text" and int(loaded.parts[m].vectors.there.sum()) > EXACT_LIMIT]
    ways = [[m] for m in searched] + ([searched] if len(searched) > 1 else [])
    engines: dict[Modality, Nearest] = {
        m: Nearest.built(loaded.parts[m].vectors, loaded.places, _engine(folder, m)) for m in searched
    }
    trial = replace(loaded, engines=engines)
    directions = [(asked, way) for asked in there for way in ways if way != [asked]]
    return {direction(asked, way): measured_recall(trial, way, asked) for asked, way in directions}
