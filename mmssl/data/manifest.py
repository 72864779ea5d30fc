"""A CSV or JSONL manifest as recordings: one row a clip, `path` and any of the other fields.

Fields: path, captions or caption (text; in CSV also JSON: a list, or a table by language), language, start, end
(seconds), label, group, key. Any other field is kept in `extra`. Relative paths start at the manifest's folder. Rows
without captions are captioned by the files beside their media.
"""

import csv
import hashlib
import io
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import PurePosixPath
from typing import Any

from mmssl.data.captions import captions_beside, extension_of
from mmssl.data.decode.reader import Source
from mmssl.data.fields import KNOWN, FieldError, recording
from mmssl.data.folder import Files
from mmssl.data.keyed import Keyed
from mmssl.data.network import is_remote
from mmssl.data.reach import is_own
from mmssl.data.recordings import Caption, Recording
from mmssl.data.remote import RemoteFiles
from mmssl.data.text import decode
from mmssl.errors import UsageError

FIELDS = ("path", "key", *sorted(KNOWN))
LONGEST_FIELD = 1 << 24  # characters; the limit of Python's csv is 128 kB

Row = tuple[int, dict[str, Any]]  # line in the file, fields


def _csv_rows(text: str, name: str) -> Iterator[Row]:
    csv.field_size_limit(LONGEST_FIELD)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        columns = [column.strip() for column in next(reader, [])]
        if "path" not in columns:
            near = get_close_matches("path", columns, 1, 0.5) or columns
            raise UsageError(f"{name}: line 1 has no column 'path', only {', '.join(near[:9]) or 'nothing'}")
        if repeated := [column for column, times in Counter(columns).items() if times > 1]:
            raise UsageError(f"{name}: line 1 has column {repeated[0]!r} twice; name each column once")
        before = reader.line_num
        for cells in reader:
            line, before = before + 1, reader.line_num
            if not cells:
                continue
            if len(cells) != len(columns):
                raise UsageError(f"{name}: line {line} has {len(cells)} fields, but line 1 names {len(columns)}")
            yield line, {column: cell for column, cell in zip(columns, cells, strict=True) if cell}
    except csv.Error as error:
        raise UsageError(f"{name}: line {reader.line_num} is not CSV: {error}") from None


def _json_rows(text: str, name: str) -> Iterator[Row]:
    # Not splitlines(), which also cuts at the line separators that JSON allows in its strings.
    for line, row in enumerate(text.split("\n"), 1):
        if not row.strip():
            continue
        try:
            fields = json.loads(row)
        except (ValueError, RecursionError) as error:  # ValueError: also a whole number of thousands of digits
            raise UsageError(f"{name}: line {line} is not JSON: {error}") from None
        if not isinstance(fields, dict):
            raise UsageError(f"{name}: line {line} must be a JSON object with a field 'path'")
        yield line, fields


ROWS = {"csv": _csv_rows, "jsonl": _json_rows}


def _listed(fields: dict[str, Any]) -> dict[str, Any]:
    """In CSV a list of captions is written as JSON."""
    told = fields.get("captions")
    if not isinstance(told, str) or not told.startswith(("[", "{")):
        return fields
    try:
        return {**fields, "captions": json.loads(told)}
    except (ValueError, RecursionError):
        return fields  # a caption that begins with a bracket


def _meet(caption: Caption, clip: Recording) -> bool:
    """Whether a caption is about some of the clip's seconds."""
    before = clip.end is not None and caption.start is not None and caption.start >= clip.end
    after = clip.start is not None and caption.end is not None and caption.end <= clip.start
    return not (before or after)


class ManifestRecordings(Keyed):
    """The rows of a manifest.

    Args:
        name: the path or address of the manifest.
        data: its bytes.
        files: where relative paths start.

    Raises:
        UsageError: with line and field: no row, a field missing or wrong, a key twice.
        MediaError: TEXT, it is not UTF-8.
    """

    def __init__(self, name: str, data: bytes, files: Files) -> None:
        self.name, self._files = name, files
        self._named = RemoteFiles("", given=not is_remote(name) or is_own(name))
        rows = list(ROWS[extension_of(name)](decode(data, name), name))
        if not rows:
            raise UsageError(f"{name} has no rows; write one for each clip, with its path")
        clips = Counter(fields.get("path") for _, fields in rows if isinstance(fields.get("path"), str))
        self._paths: list[str] = []
        self._recordings: list[Recording] = []
        lines: dict[str, int] = {}
        for line, fields in rows:
            try:
                found = self._row(fields, clips)
            except FieldError as error:
                raise UsageError(f"{name}: line {line}: {error}") from None
            if (first := lines.setdefault(found.key, line)) != line:
                detail = f"key {found.key!r} is already that of line {first}"
                advice = 'give a field \'key\', or all captions in one row, such as ["a", "b"] or {"en": ["a", "b"]}'
                raise UsageError(f"{name}: line {line}: {detail}; {advice}")
            self._recordings.append(found)

    def _row(self, fields: dict[str, Any], clips: Counter[Any]) -> Recording:
        path = fields.get("path")
        if not isinstance(path, str) or not path or "\0" in path:
            raise FieldError("path", f"must name the media file; the row has {', '.join(fields) or 'nothing'}")
        stem = path.removesuffix(PurePosixPath(path).suffix)
        key = fields.get("key")
        if key is not None and (not isinstance(key, str) or not key):
            raise FieldError("key", f"must be text, not {key!r:.40}")
        told = {field: value for field, value in fields.items() if field not in ("path", "key")}
        # Clips of one file have one origin, so they share a group.
        found = recording(key or stem, extension_of(path), _listed(told), stem if clips[path] > 1 else "")
        if not key and clips[path] > 1 and found.start is not None:
            found = replace(found, key=f"{stem}#{found.start:g}")
        self._paths.append(path)
        return found

    def __len__(self) -> int:
        return len(self._recordings)

    def all_keys(self) -> list[str]:
        """Of all recordings."""
        return [found.key for found in self._recordings]

    def __getitem__(self, index: int) -> Recording:
        found, path = self._recordings[index], self._paths[index]
        if found.captions or not isinstance(source := self._place(path).source(path), str):
            return found
        return replace(found, captions=tuple(c for c in captions_beside(source) if _meet(c, found)))

    def _place(self, path: str) -> Files:
        return self._named if is_remote(path) else self._files

    def source(self, index: int) -> Source:
        """The path, or an open remote file."""
        return self._place(self._paths[index]).source(self._paths[index])

    def fingerprint(self) -> str:
        """A hash over the rows and the sizes of their files."""
        digest = hashlib.sha256()
        sizes = {path: self._place(path).size(path) for path in set(self._paths)}
        for path, found in zip(self._paths, self._recordings, strict=True):
            digest.update(f"{found!r}\0{sizes[path]}\n".encode(errors="surrogateescape"))
        return digest.hexdigest()

    def groups(self) -> Sequence[str]:
        """The group of each recording."""
        return [found.group for found in self._recordings]
