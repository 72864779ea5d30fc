"""Recordings into an index: opened, cut into overlapping windows, embedded, added in groups, whole or not at all."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from mmssl.applications.bulk import Bulk, Collected
from mmssl.applications.cutting import Cutter, Piece
from mmssl.applications.entries import absolute, entry
from mmssl.applications.model import Model
from mmssl.applications.moments import IndexedRecording, MomentIndex, Moments
from mmssl.applications.read_ahead import read_ahead
from mmssl.applications.search import make_index
from mmssl.applications.sharded_index import ShardedIndex, process
from mmssl.batch import Modality
from mmssl.data.keyed import Keyed
from mmssl.data.outage import Outage
from mmssl.data.skipped import Skipped
from mmssl.data.sources import open_recordings
from mmssl.errors import MediaError, UsageError
from mmssl.evaluate.held_out import Watch


@dataclass(frozen=True)
class IndexReport:
    """What became of a source.

    Attributes:
        moments: in the whole index.
        recordings: in the whole index.
        added: recordings embedded now.
        unchanged: that were in already.
        removed: that the source no longer holds.
        skipped: lines about those that could not be read; empty if all is well.
        ledger: where all of those are named; None for a server.
        recalls: of each direction that is not searched exactly; empty when all are.
    """

    moments: int
    recordings: int
    added: int
    unchanged: int
    removed: int
    skipped: Sequence[str]
    ledger: Path | None
    recalls: Mapping[str, float]


class _Writer:
    """Embeds pieces in bulk and adds the recordings that are finished, every so many seconds."""

    def __init__(self, index: MomentIndex, bulk: Bulk, every: float) -> None:
        self._index, self._bulk, self._every = index, bulk, every
        self._last, self._finished = time.monotonic(), list[Collected]()
        self.added = 0

    def take(self, piece: Piece) -> None:
        """What the model is to see of a recording; after its last piece it may be written."""
        if piece.owner is None:
            return
        for modality, inputs in piece.inputs.items():
            self._bulk.put(piece.owner, modality, inputs)
        if piece.done >= 1.0:
            self._finished.append(piece.owner)
            if time.monotonic() - self._last >= self._every:
                self.flush()

    def flush(self) -> None:
        """Everything so far is safe after this."""
        self._bulk.flush()
        entries: list[tuple[IndexedRecording, Moments]] = [(c.recording, c.moments()) for c in self._finished]
        self._index.add(entries)
        self.added += len(entries)
        self._finished.clear()
        self._last = time.monotonic()


class _Reading:
    """What of a source this process has to cut into windows: all that the index lacks and no other process has.

    Attributes:
        present: keys that the source holds.
        unknown: its members whose keys could not be told, as what describes them cannot be read.
        unchanged: how many were in already.
    """

    def __init__(self, index: MomentIndex, recordings: Keyed, name: str, settings: str, cutter: Cutter) -> None:
        self._index, self._recordings, self._name = index, recordings, name
        self._settings, self._cutter = settings, cutter
        self._known = index.known()
        self._held = index.held() if isinstance(index, ShardedIndex) else {}
        self.present: set[str] = set()
        self.unknown: set[str] = set()
        self.unchanged = 0

    def each(self, members: Sequence[str]) -> Iterator[Iterator[Piece]]:
        """The pieces of each recording."""
        rank, world = process()
        for number, member in enumerate(members):
            try:
                found = entry(self._recordings, number, self._name, member, self._settings)
            except MediaError as error:
                self.unknown.add(member)
                # Every process meets it, one tells.
                yield iter([Piece(None, done=1.0, fault=error if number % world == rank else None)])
                continue
            key, fingerprint = found[1].key, found[1].fingerprint
            self.present.add(key)
            others = isinstance(self._index, ShardedIndex) and not self._index.owner(key, self._held)
            self.unchanged += self._known.get(key) == fingerprint
            if self._known.get(key) == fingerprint or others:
                yield iter([Piece(None, done=1.0)])
            else:
                yield self._cutter.pieces(self._recordings, number, found)


def build_index(
    model: Model,
    source: str,
    place: str,
    *,
    stride: float | None = None,
    modalities: Sequence[Modality] | None = None,
    batch_size: int = 64,
    threads: int = 2,
    save_every: float = 10.0,
    prune: bool = False,
    watch: Watch | None = None,
) -> IndexReport:
    """Add the recordings of a source to an index; those that are in and have not changed are left alone.

    Windows are as long as the clips that the model was trained on; a shorter recording is one window. A caption with
    times belongs to the windows that it meets, one without to all of them.

    Several processes, under torchrun or as a job array with RANK and WORLD_SIZE, share the recordings; each writes an
    index of its own within the folder.

    Args:
        model: whose vectors they are.
        source: as for `open_recordings`.
        place: folder of the index or `http://host:6333/collection`; made when it is missing.
        stride: seconds from one window to the next; half a window when None.
        modalities: to embed; all that the model has when None.
        batch_size: windows at once through the model.
        threads: recordings decoded at once; 0: none beside the model.
        save_every: seconds of work that a crash may cost.
        prune: remove what came from this source and is no longer in it.
        watch: called with the share that is done, 0 to 1.

    Raises:
        UsageError: the model's vectors do not compare, the index is of another model, or nothing is at the source.
        MediaError: a shard cannot be read, or the storage does not answer.
    """
    wanted = _checked(model, stride, modalities)
    stride = model.format.seconds / 2 if stride is None else stride
    recordings, name = open_recordings(source), absolute(source)
    index = make_index(place, model.fingerprint, "" if model.folder is None else str(model.folder.resolve()))
    skipped = _ledger(index)
    settings = f"{model.format.seconds} {stride} {' '.join(wanted)}"
    members = recordings.all_keys()
    reading = _Reading(index, recordings, name, settings, Cutter(model, stride, wanted))
    writer = _Writer(index, Bulk(model.objective, model.device, batch_size), save_every)
    outage, number = Outage(), 0
    # Closed at once when something fails, lest its threads outlive this.
    with closing(read_ahead(reading.each(members), threads)) as pieces:
        for piece in pieces:
            if piece.fault is not None:
                skipped.record(piece.fault.name, piece.fault.fault, piece.fault.detail)
            if piece.fault is not None or piece.owner is not None:  # neither: it was not read
                outage.look(piece.fault)
            writer.take(piece)
            if watch is not None:
                watch((number + piece.done) / len(members))
            number += piece.done >= 1.0
    writer.flush()
    held = index.members_of(name) if prune else {}
    gone = {key for key, member in held.items() if key not in reading.present and member not in reading.unknown}
    index.remove(gone)
    return IndexReport(
        moments=len(index),
        recordings=len(index.known()),
        added=writer.added,
        unchanged=reading.unchanged,
        removed=len(gone),
        skipped=skipped.summary(),
        ledger=skipped.file,
        recalls=index.recalls(),
    )


def _checked(model: Model, stride: float | None, modalities: Sequence[Modality] | None) -> list[Modality]:
    """The modalities to embed."""
    if not model.objective.comparable:
        kind = type(model.objective).__name__
        raise UsageError(f"{kind} does not put its modalities into one space, so nothing can be found by it")
    if stride is not None and not stride > 0:
        raise UsageError(f"stride is {stride}; give seconds above 0")
    model.require(*modalities or ())
    wanted = [m for m in model.modalities if modalities is None or m in modalities]
    if not set(wanted) - {"text"}:
        raise UsageError("an index needs pictures or sounds; captions alone are no moments")
    return wanted


def _ledger(index: MomentIndex) -> Skipped:
    """Of this time only: what was repaired since the last is no longer named."""
    folder: Path | None = getattr(index, "folder", None)  # a server has none
    if folder is not None:
        (folder / "skipped.jsonl").unlink(missing_ok=True)
    return Skipped(folder, 1.0)
