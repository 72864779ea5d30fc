"""Several index folders searched as if they were one."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from torch import Tensor

from mmssl.applications.loaded import Loaded, Ranking
from mmssl.applications.local_index import LocalIndex
from mmssl.applications.moments import Hit
from mmssl.batch import Modality
from mmssl.errors import UsageError


class JoinedIndex:
    """A `SearchableIndex` over indexes of one model: the same answers as of one index that holds everything.

    Args:
        indexes: by their folders, at least one.

    Raises:
        UsageError: they are of several models.
    """

    def __init__(self, indexes: Mapping[Path, LocalIndex]) -> None:
        self._indexes = dict(indexes)
        models = {index.model: (folder, index.run) for folder, index in self._indexes.items()}
        if len(models) > 1:
            told = " and ".join(f"{folder} (of {run or 'an unknown run'})" for folder, run in models.values())
            raise UsageError(f"{told}: made by different models, whose scores do not compare; search one at a time")
        self.model = next(iter(models))
        self.run = next((index.run for index in self._indexes.values() if index.run), "")
        self._ranked: tuple[list[Loaded], Ranking] | None = None

    def __len__(self) -> int:
        return sum(len(index) for index in self._indexes.values())

    def known(self) -> Mapping[str, str]:
        """Of all of them."""
        return {key: told for index in self._indexes.values() for key, told in index.known().items()}

    def members_of(self, source: str) -> Mapping[str, str]:
        """Of all of them."""
        return {key: member for index in self._indexes.values() for key, member in index.members_of(source).items()}

    def search(
        self, query: Tensor, count: int, modalities: Sequence[Modality], asked: Modality | None = None
    ) -> list[Hit]:
        """One ranking over all of them."""
        indexes = list(self._indexes.values())
        loaded = [index.loaded() for index in indexes]
        if self._ranked is None or any(a is not b for a, b in zip(self._ranked[0], loaded, strict=True)):
            self._ranked = loaded, Ranking(loaded)
        scores, owners, places = self._ranked[1].search(query, count, modalities, asked)
        answers = zip(scores.tolist(), owners.tolist(), places.tolist(), strict=True)
        return [hit for score, owner, place in answers for hit in indexes[owner].hits([score], [place])]
