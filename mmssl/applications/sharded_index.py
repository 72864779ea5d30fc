"""Several index folders in one folder, searched as if they were one and written by several processes.

Each process writes a folder of its own, so none waits for another. Who embeds a recording is a function of its key and
of who holds it already: nothing is claimed that a killed process could keep, and the same command goes on afterwards.
"""

import os
from collections.abc import Collection, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path

from mmssl.applications.joined_index import JoinedIndex
from mmssl.applications.local_index import DATABASE, LocalIndex
from mmssl.applications.moments import IndexedRecording, Moments
from mmssl.errors import UsageError

SHARDS = "shard-*"


def process() -> tuple[int, int]:
    """Number of this process and how many there are, as torchrun says, or a job array by the same RANK and WORLD_SIZE.

    Raises:
        UsageError: they are no such numbers.
    """
    rank, world = os.environ.get("RANK", "0"), os.environ.get("WORLD_SIZE", "1")
    if not (rank.isdecimal() and world.isdecimal() and int(rank) < int(world)):
        raise UsageError(f"RANK is {rank} and WORLD_SIZE {world}; give a number from 0 on and one above it")
    return int(rank), int(world)


def folders(place: Path, names: str = "*") -> list[Path]:
    """The indexes in a folder, by name; none for one that is an index itself.

    Args:
        place: the folder.
        names: pattern; `SHARDS` for those that processes wrote.
    """
    if (place / DATABASE).is_file():
        return []
    there = place.glob(f"{names}/{DATABASE}")
    # One that was killed before its first transaction is empty.
    return sorted(database.parent for database in there if database.stat().st_size)


class ShardedIndex(JoinedIndex):
    """A `MomentIndex` over all index folders in a folder.

    Args:
        place: the folder.
        model: fingerprint of the model, to write; None to search.
        run: folder of the model's run, to be remembered.

    Attributes:
        folder: what this process writes.

    Raises:
        UsageError: the indexes are of several models, or the folder is an index of its own.
        CheckpointError: one of them is damaged.
    """

    def __init__(self, place: Path, model: str | None = None, run: str = "") -> None:
        if (place / DATABASE).is_file():
            raise UsageError(f"{place}: is one index, not a folder of several; give a new folder to several processes")
        self._rank, self._world = process()
        own = place / f"shard-{self._rank:04d}"
        if model is not None:
            LocalIndex(own, model, run)
        there = folders(place, "*" if model is None else SHARDS)
        super().__init__({folder: LocalIndex(folder, model) for folder in there})
        self.folder, self.run = own, run or self.run
        # What others hold; they add nothing that is this process's, so once is enough.
        self._elsewhere: dict[Path, set[str]] | None = None

    def held(self) -> dict[str, int]:
        """Which process's folder holds a key; those of processes that are no more are left out."""
        mine = {number: self.folder.with_name(f"shard-{number:04d}") for number in range(self._world)}
        return {
            key: number
            for number, folder in mine.items()
            if folder in self._indexes
            for key in self._indexes[folder].known()
        }

    def owner(self, key: str, held: Mapping[str, int]) -> bool:
        """Whether this process is to embed what has this key."""
        drawn = int.from_bytes(blake2b(key.encode(errors="surrogateescape"), digest_size=8).digest()) % self._world
        return held.get(key, drawn) == self._rank

    def add(self, entries: Sequence[tuple[IndexedRecording, Moments]]) -> None:
        """To this process's own; what others hold of it goes first, lest it be there twice."""
        if self._elsewhere is None:
            others = {folder: index for folder, index in self._indexes.items() if folder != self.folder}
            self._elsewhere = {folder: set(index.known()) for folder, index in others.items()}
        keys = {recording.key for recording, _ in entries}
        for folder, held in self._elsewhere.items():
            if not keys.isdisjoint(held):
                self._indexes[folder].remove(keys)
        self._indexes[self.folder].add(entries)

    def remove(self, keys: Collection[str]) -> None:
        """From all of them."""
        for index in self._indexes.values():
            if not set(keys).isdisjoint(index.known()):
                index.remove(keys)

    def recalls(self) -> Mapping[str, float]:
        """Of this process's own, which it prepares for searching."""
        return self._indexes[self.folder].recalls()
