"""The sieves of an index in one file beside its segments, so that they are made once and opened without reading."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from mmssl.applications.fusion import SAMPLE
from mmssl.applications.sieve import CHUNK, Sieve
from mmssl.applications.vectors import Vectors
from mmssl.batch import MODALITIES, Modality

_OUTGROWN = 4  # times as many moments as when the steps were chosen: they may no longer fit


@dataclass(frozen=True)
class Kept:
    """Of the moments of an index at one revision.

    Attributes:
        revision: of the index, its identity and a count of changes with a / between.
        places: `[n, 2]` int64, segment and row of each moment, ascending.
        sieves: of each modality that some moment has.
        fitted: how many moments there were when the steps were chosen.
    """

    revision: str
    places: Tensor
    sieves: Mapping[Modality, Sieve]
    fitted: int

    @classmethod
    def read(cls, path: Path) -> "Kept | None":
        """None when there is none that can be read."""
        try:
            with safe_open(path, "pt") as file:
                about = file.metadata()
                stored = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # no dict
            names = [field.name for field in fields(Sieve)]
            there = [modality for modality in MODALITIES if f"{modality}.codes" in stored]
            sieves = {m: Sieve(**{name: stored[f"{m}.{name}"] for name in names}) for m in there}
            return cls(about["revision"], stored["places"], sieves, int(about["fitted"]))
        except (OSError, SafetensorError, KeyError, TypeError, ValueError):
            return None  # it can always be made again

    def write(self, path: Path) -> None:
        """Whole or not at all; without room or permission not at all, which costs the next search its time."""
        tensors = {
            f"{modality}.{field.name}": getattr(sieve, field.name).contiguous()
            for modality, sieve in self.sieves.items()
            for field in fields(sieve)
        }
        about = {"revision": self.revision, "fitted": str(self.fitted)}
        partial = path.with_suffix(".partial")
        try:
            save_file({**tensors, "places": self.places}, partial, about)
            partial.replace(path)
        except (OSError, SafetensorError):
            with suppress(OSError):
                partial.unlink(missing_ok=True)


def sieves_of(revision: str, places: Tensor, vectors: Mapping[Modality, Vectors], before: Kept | None) -> Kept:
    """Sieves over all moments; what was made before is taken over where moments only came behind.

    Args:
        revision: of the index.
        places: of the moments.
        vectors: of each modality that some moment has.
        before: of another revision.
    """
    done = 0 if before is None else len(before.places)
    if before is not None:
        same_index = before.revision.partition("/")[0] == revision.partition("/")[0]
        fits = done <= len(places) <= _OUTGROWN * before.fitted
        if not (same_index and fits and torch.equal(places[:done], before.places)):
            before, done = None, 0
    sieves = {}
    for modality, all_of_it in vectors.items():
        if before is not None and modality in before.sieves:
            sieve, first = before.sieves[modality], done
        else:
            there = all_of_it.there.nonzero()[:, 0]
            sample = there[torch.linspace(0, len(there) - 1, min(SAMPLE, len(there))).long()]
            sieve, first = Sieve.like(all_of_it.take(sample)), 0
        sieves[modality] = sieve.resized(len(places), all_of_it.parts(CHUNK, first))
    return Kept(revision, places, sieves, len(places) if before is None else before.fitted)
