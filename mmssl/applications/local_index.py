"""An index in a folder: metadata in SQLite, vectors in segments beside it.

One `add` writes its vectors to a new segment, then commits the rows that name it in one SQLite transaction. That
commit is the moment at which they exist: a crash before it leaves a segment that nothing names, swept at the next add.
"""

import json
import os
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from mmssl.applications.moments import Hit, IndexedRecording, Moments
from mmssl.applications.nearest import Nearest
from mmssl.batch import MODALITIES, Modality
from mmssl.errors import CheckpointError, UsageError

FORMAT = 1
TABLES = """
CREATE TABLE IF NOT EXISTS about (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS recordings (
    id INTEGER PRIMARY KEY, key TEXT UNIQUE NOT NULL, path TEXT NOT NULL, fingerprint TEXT NOT NULL,
    label TEXT NOT NULL, caption TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS segments (id INTEGER PRIMARY KEY, rows INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS moments (
    segment INTEGER NOT NULL REFERENCES segments(id), row INTEGER NOT NULL,
    recording INTEGER NOT NULL REFERENCES recordings(id) ON DELETE CASCADE,
    start REAL NOT NULL, end REAL NOT NULL, PRIMARY KEY (segment, row));
CREATE INDEX IF NOT EXISTS moments_recording ON moments(recording);
"""


class LocalIndex:
    """A `MomentIndex` in a folder.

    Args:
        folder: made when it is missing and `model` is given.
        model: fingerprint of the model; an index of another one is refused.

    Raises:
        UsageError: no index there, or one of another model.
        CheckpointError: the index is damaged.
    """

    def __init__(self, folder: Path, model: str | None = None) -> None:
        database = folder / "moments.sqlite"
        if model is None and not database.is_file():
            raise UsageError(f"{folder}: no index there; make one with: mmssl index RUN DATA --out {folder}")
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._database = database
        self._nearest: dict[tuple[Modality, ...], tuple[Nearest, Tensor]] = {}
        try:
            self._open(model)
        except sqlite3.DatabaseError as error:
            raise CheckpointError(f"{database}: not a readable index ({error}); build it again") from error

    def _open(self, model: str | None) -> None:
        with closing(self._connect()) as connection, connection:
            connection.executescript(TABLES)
            about = dict(connection.execute("SELECT name, value FROM about"))
            if model is not None and not about:
                about = {"format": str(FORMAT), "model": model}
                connection.executemany("INSERT INTO about VALUES (?, ?)", about.items())
        if about.get("format") != str(FORMAT):
            raise CheckpointError(f"{self.folder}: index format {about.get('format')}, not {FORMAT}; build it again")
        if model is not None and about["model"] != model:
            raise UsageError(f"{self.folder}: made by another model; give a new folder with --out, or the run it is of")
        self.model = about["model"]

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._database, timeout=30)
        connection.execute("PRAGMA foreign_keys = ON")
        return connection

    def __len__(self) -> int:
        with closing(self._connect()) as connection:
            return int(connection.execute("SELECT COUNT(*) FROM moments").fetchone()[0])

    def known(self) -> Mapping[str, str]:
        """Key to fingerprint of each recording that is in."""
        with closing(self._connect()) as connection:
            return dict(connection.execute("SELECT key, fingerprint FROM recordings"))

    def add(self, entries: Sequence[tuple[IndexedRecording, Moments]]) -> None:
        """One segment and one transaction; see the head of this file."""
        if not entries:
            return
        with closing(self._connect()) as connection, connection:
            connection.execute("BEGIN IMMEDIATE")  # one writer at a time, also between processes
            named = {row[0] for row in connection.execute("SELECT id FROM segments")}
            for stray in self.folder.glob("segment-*"):
                if int(stray.name.split("-")[1].split(".")[0]) not in named:
                    stray.unlink()
            segment = max(named, default=0) + 1
            rows = self._write_segment(segment, [moments for _, moments in entries])
            connection.execute("INSERT INTO segments VALUES (?, ?)", (segment, rows))
            row = 0
            for recording, moments in entries:
                connection.execute("DELETE FROM recordings WHERE key = ?", (recording.key,))
                cursor = connection.execute(
                    "INSERT INTO recordings (key, path, fingerprint, label, caption) VALUES (?, ?, ?, ?, ?)",
                    (recording.key, recording.path, recording.fingerprint, recording.label, recording.caption),
                )
                for start, end in zip(moments.start, moments.end, strict=True):
                    values = (segment, row, cursor.lastrowid, start, end)
                    connection.execute("INSERT INTO moments VALUES (?, ?, ?, ?, ?)", values)
                    row += 1
        self._nearest.clear()

    def _write_segment(self, segment: int, moments: Sequence[Moments]) -> int:
        """A modality that a recording lacks is NaN, which no cosine can be mistaken for."""
        counts = [len(part.start) for part in moments]
        dim = next(vectors.shape[1] for part in moments for vectors in part.vectors.values())
        tensors: dict[str, Tensor] = {}
        for modality in MODALITIES:
            parts = [
                part.vectors.get(modality, torch.full((count, dim), torch.nan))
                for part, count in zip(moments, counts, strict=True)
            ]
            tensors[modality] = torch.cat(parts).float().cpu().contiguous()
        path = self.folder / f"segment-{segment:06d}.safetensors"
        partial = path.with_suffix(".partial")
        save_file(tensors, partial)
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.rename(path)
        return sum(counts)

    def vectors(self, modalities: Sequence[Modality]) -> tuple[Tensor, Tensor]:
        """Mean of the unit vectors of the given modalities `[n, E]`, and (segment, row) of each `[n, 2]`.

        The dot product of a unit query with such a mean is the mean cosine, so one search serves several modalities.
        """
        with closing(self._connect()) as connection:
            kept = connection.execute("SELECT segment, row FROM moments ORDER BY segment, row").fetchall()
            segments = [row[0] for row in connection.execute("SELECT id FROM segments ORDER BY id")]
        places = torch.tensor(kept, dtype=torch.int64).reshape(-1, 2)
        means = []
        for segment in segments:
            path = self.folder / f"segment-{segment:06d}.safetensors"
            if not path.is_file():
                raise CheckpointError(f"{path}: this part of the index is gone; build the index again")
            stored = load_file(path)
            stacked = torch.stack([stored[modality] for modality in modalities])  # [M, n, E]
            means.append(torch.nanmean(stacked, 0)[places[places[:, 0] == segment, 1]])
        joined = torch.cat(means) if means else torch.empty(0, 1)
        present = ~joined.isnan().any(1)
        return joined[present], places[present]

    def nearest(self, modalities: Sequence[Modality]) -> tuple[Nearest, Tensor]:
        """The search structure over those modalities, and (segment, row) of each of its rows."""
        wanted = tuple(modalities)
        if wanted not in self._nearest:
            vectors, places = self.vectors(wanted)
            others = [self.vectors([m])[0] for m in MODALITIES if m not in wanted]
            queries = next((other for other in others if len(other)), vectors)
            place = self.folder / f"nearest-{'-'.join(wanted)}"
            self._nearest[wanted] = Nearest.over(vectors, queries, place), places
        return self._nearest[wanted]

    def search(self, query: Tensor, count: int, modalities: Sequence[Modality]) -> list[Hit]:
        """Exact while small; see `Nearest`."""
        nearest, places = self.nearest(modalities)
        scores, rows = nearest.search(query, min(count, len(places)))
        with closing(self._connect()) as connection:
            return [self._hit(connection, float(s), *places[r].tolist()) for s, r in zip(scores, rows, strict=True)]

    def _hit(self, connection: sqlite3.Connection, score: float, segment: int, row: int) -> Hit:
        statement = """SELECT moments.start, moments.end, key, path, fingerprint, label, caption FROM moments
            JOIN recordings ON recordings.id = moments.recording WHERE segment = ? AND row = ?"""
        start, end, *recording = connection.execute(statement, (segment, row)).fetchone()
        return Hit(score, start, end, IndexedRecording(*recording))

    def about(self) -> str:
        """One JSON line: moments, recordings, segments, model."""
        with closing(self._connect()) as connection:
            segments = connection.execute("SELECT COUNT(*) FROM segments").fetchone()[0]
        numbers = {"moments": len(self), "recordings": len(self.known()), "segments": segments, "model": self.model}
        return json.dumps(numbers)
