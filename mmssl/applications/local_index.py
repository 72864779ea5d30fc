"""An index in a folder: metadata in SQLite, vectors in segments beside it.

One `add` writes its vectors to a new segment, then commits the rows that name it in one SQLite transaction. That
commit is the moment at which they exist: a crash before it leaves a segment that nothing names, swept at the next add.
A segment that a commit orphans is swept by a later writer, when no reader can still see the rows that named it.
"""

import json
import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from uuid import uuid4

from torch import Tensor

from mmssl.applications.loaded import Loaded, Ranking
from mmssl.applications.moments import Hit, IndexedRecording, Moments
from mmssl.applications.opening import Mapped, try_engines
from mmssl.applications.segments import segment_file, sweep, write_segment
from mmssl.batch import Modality
from mmssl.errors import CheckpointError, MmsslError, UsageError

FORMAT = 1
DATABASE = "moments.sqlite"
TABLES = """
CREATE TABLE IF NOT EXISTS about (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS recordings (
    id INTEGER PRIMARY KEY, key TEXT UNIQUE NOT NULL, source TEXT NOT NULL, member TEXT NOT NULL, path TEXT NOT NULL,
    fingerprint TEXT NOT NULL, label TEXT NOT NULL, caption TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS segments (id INTEGER PRIMARY KEY AUTOINCREMENT, rows INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS moments (
    segment INTEGER NOT NULL REFERENCES segments(id), row INTEGER NOT NULL,
    recording INTEGER NOT NULL REFERENCES recordings(id) ON DELETE CASCADE,
    start REAL NOT NULL, end REAL NOT NULL, caption TEXT NOT NULL, PRIMARY KEY (segment, row));
CREATE INDEX IF NOT EXISTS moments_recording ON moments(recording);
CREATE INDEX IF NOT EXISTS recordings_source ON recordings(source);
"""
# Codes of faults that lie around an index, not in it: full disk, no permission, a writer that does not end.
_SURROUNDINGS = {
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_PERM,
}
_FIELDS = "key, source, member, path, fingerprint, label"


class LocalIndex:
    """A `MomentIndex` in a folder.

    Args:
        folder: of the index.
        model: fingerprint of the model; an index of another one is refused, a missing one is made. None takes the one
            that is there.
        run: folder of the model's run, to be remembered.

    Raises:
        UsageError: no index there, or one of another model.
        CheckpointError: the index is damaged.
        MmsslError: the disk is full, the folder cannot be written, or another process writes for a minute.
    """

    def __init__(self, folder: Path, model: str | None = None, run: str = "") -> None:
        database = folder / DATABASE
        if model is None and not database.is_file():
            raise UsageError(f"{folder}: no index there; make one with: mmssl index RUN DATA --out {folder}")
        if folder.exists() and not folder.is_dir():
            raise UsageError(f"{folder}: is a file; give a folder for the index")
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"{folder}: cannot be made ({error.strerror}); give another folder") from error
        self.folder = folder
        self._database = database
        self._loaded: tuple[Loaded, Ranking] | None = None
        self._revision = ""
        self._open(model, run)

    def _open(self, model: str | None, run: str) -> None:
        if model is not None:
            with self._writing() as connection:
                for statement in TABLES.split(";"):
                    connection.execute(statement)
                # What is kept beside this database is of this one, not of one that was here before.
                about = {"format": str(FORMAT), "model": model, "revision": "0", "identity": uuid4().hex}
                connection.executemany("INSERT OR IGNORE INTO about VALUES (?, ?)", about.items())
        with self._reading() as connection:
            told = dict(connection.execute("SELECT name, value FROM about"))
        if told.get("format") != str(FORMAT):
            raise CheckpointError(f"{self.folder}: index format {told.get('format')}, not {FORMAT}; build it again")
        if model is not None and told["model"] != model:
            was = f" ({told['run']})" if "run" in told else ""
            raise UsageError(f"{self.folder}: made by another model{was}; give that run, or a new folder for the index")
        if run and told.get("run") != run:
            with self._writing() as connection:
                connection.execute("INSERT OR REPLACE INTO about VALUES ('run', ?)", (run,))
        self.model, self.run = told["model"], run or told.get("run", "")

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self._database, timeout=60, isolation_level=None)) as connection:
                connection.execute("PRAGMA foreign_keys = ON")
                yield connection
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode & 0xFF in _SURROUNDINGS:
                told = f"{error}; the index is whole, mend this and the same command goes on"
                raise MmsslError(f"{self._database}: {told}") from error
            raise CheckpointError(f"{self._database}: not a readable index ({error}); build it again") from error

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """One state of the database for several statements."""
        with self._connected() as connection:
            connection.execute("BEGIN")
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One writer at a time, also between processes; all or nothing."""
        with self._connected() as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield connection  # closing without a commit undoes it
            connection.execute("COMMIT")

    def __len__(self) -> int:
        with self._reading() as connection:
            return int(connection.execute("SELECT COUNT(*) FROM moments").fetchone()[0])

    def known(self) -> Mapping[str, str]:
        """Key to fingerprint of each recording that is in."""
        with self._reading() as connection:
            return dict(connection.execute("SELECT key, fingerprint FROM recordings"))

    def members_of(self, source: str) -> Mapping[str, str]:
        """Keys of the recordings that came from a source, and how it calls them."""
        with self._reading() as connection:
            return dict(connection.execute("SELECT key, member FROM recordings WHERE source = ?", (source,)))

    def add(self, entries: Sequence[tuple[IndexedRecording, Moments]]) -> None:
        """One segment and one transaction; see the head of this file."""
        if not entries:
            return
        with self._writing() as connection:
            sweep(self.folder, {row[0] for row in connection.execute("SELECT id FROM segments")})
            segment = connection.execute("INSERT INTO segments (rows) VALUES (0)").lastrowid
            assert segment is not None
            rows = write_segment(segment_file(self.folder, segment), [moments for _, moments in entries])
            connection.execute("UPDATE segments SET rows = ? WHERE id = ?", (rows, segment))
            row = 0
            for recording, moments in entries:
                connection.execute("DELETE FROM recordings WHERE key = ?", (recording.key,))
                values = [getattr(recording, name) for name in _FIELDS.split(", ")]
                cursor = connection.execute(
                    f"INSERT INTO recordings ({_FIELDS}, caption) VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (*values, recording.caption),
                )
                captions = moments.captions or [""] * len(moments.start)
                for start, end, caption in zip(moments.start, moments.end, captions, strict=True):
                    place = (segment, row, cursor.lastrowid, start, end, caption)
                    connection.execute("INSERT INTO moments VALUES (?, ?, ?, ?, ?, ?)", place)
                    row += 1
            self._changed(connection)

    def remove(self, keys: Collection[str]) -> None:
        """Recordings with their moments; the vectors stay in their segment until all of it is gone."""
        with self._writing() as connection:
            sweep(self.folder, {row[0] for row in connection.execute("SELECT id FROM segments")})
            connection.executemany("DELETE FROM recordings WHERE key = ?", [(key,) for key in keys])
            self._changed(connection)

    @staticmethod
    def _changed(connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM segments WHERE id NOT IN (SELECT segment FROM moments)")
        connection.execute("UPDATE about SET value = value + 1 WHERE name = 'revision'")

    def loaded(self) -> Loaded:
        """As the index now is, opened once; vectors stay on the disk until they are needed."""
        with self._reading() as connection:
            told = dict(connection.execute("SELECT name, value FROM about"))
            revision = f"{told.get('identity', '')}/{told['revision']}"
            if self._loaded is not None and revision == self._revision:
                return self._loaded[0]
            statement = "SELECT segment, row FROM moments ORDER BY segment, row"
            # Within the transaction, lest a writer sweeps the files.
            mapped = Mapped.of(self.folder, revision, lambda: connection.execute(statement).fetchall())
        loaded = mapped.loaded(json.loads(told.get("recalls", "{}")))
        self._loaded, self._revision = (loaded, Ranking([loaded])), revision
        return loaded

    def search(
        self, query: Tensor, count: int, modalities: Sequence[Modality], asked: Modality | None = None
    ) -> list[Hit]:
        """Exact unless an approximate search was measured to find enough; see `recalls`."""
        self.loaded()
        assert self._loaded is not None
        scores, _, places = self._loaded[1].search(query, count, modalities, asked)
        return self.hits(scores.tolist(), places.tolist())

    def hits(self, scores: Sequence[float], places: Sequence[tuple[int, int]]) -> list[Hit]:
        """The moments at (segment, row), without those that were removed meanwhile."""
        with self._reading() as connection:
            found = (self._hit(connection, s, *p) for s, p in zip(scores, places, strict=True))
            return [hit for hit in found if hit is not None]

    @staticmethod
    def _hit(connection: sqlite3.Connection, score: float, segment: int, row: int) -> Hit | None:
        """None when it was removed meanwhile."""
        statement = f"""SELECT moments.start, moments.end, moments.caption, {_FIELDS}, recordings.caption FROM moments
            JOIN recordings ON recordings.id = moments.recording WHERE segment = ? AND row = ?"""
        found = connection.execute(statement, (segment, row)).fetchone()
        if found is None:
            return None
        start, end, caption, *recording = found
        return Hit(score, start, end, IndexedRecording(*recording), caption or recording[-1])

    def recalls(self) -> Mapping[str, float]:
        """As `try_engines`; what finds too little is not used by later searches."""
        loaded = self.loaded()
        measured = try_engines(loaded, self.folder)
        if measured or loaded.recalls:
            with self._writing() as connection:
                connection.execute("INSERT OR REPLACE INTO about VALUES ('recalls', ?)", (json.dumps(measured),))
            self._loaded = None
        return measured
