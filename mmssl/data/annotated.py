"""From a data set's annotations and a folder of its videos to a manifest."""

import csv
import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from mmssl.data.atomic import write_atomically
from mmssl.data.captions import MEDIA, extension_of
from mmssl.data.folder import walk
from mmssl.errors import UsageError


@dataclass(frozen=True)
class Annotated:
    """One clip as the annotations name it.

    Attributes:
        key: unique name.
        names: of its file without extension, any of which it may have; a part of the path may stand before.
        fields: of the manifest, such as `label`, `group` and `captions`.
        whole: name of the file it was cut from, when people keep that instead; "" when there is none.
        start: seconds into that file.
        end: likewise.
    """

    key: str
    names: tuple[str, ...]
    fields: Mapping[str, Any] = field(default_factory=dict)
    whole: str = ""
    start: float = 0.0
    end: float = 0.0


def cut_of_video(video: str, start: float, end: float, fields: Mapping[str, Any]) -> Annotated:
    """Some seconds of a video on the web, by the names that the usual download scripts give them.

    Args:
        video: its name there.
        start: seconds.
        end: seconds.
        fields: of the manifest; the video becomes the group, as its cuts must not be each other's negatives.
    """
    first, last = int(start), int(end)
    names = (
        f"{video}_{first:06d}",  # VGGSound, VGG-SS
        f"{video}_{first:06d}_{last:06d}",  # Kinetics
        f"{video}_{round(1000 * start)}_{round(1000 * end)}",  # in milliseconds
        f"{video}_{first}_{last}",
        f"{video}_{first}",
    )
    return Annotated(names[0], names, {**fields, "group": video}, video, start, end)


class Videos:
    """The media files below a folder, by their names with and without the folders they are in.

    Raises:
        UsageError: it is no folder, or holds no media file.
    """

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise UsageError(f"{folder}: no such folder; give the folder of the downloaded videos")
        self.folder = folder.resolve()
        self._paths: dict[str, str] = {}
        for path in walk(folder):
            if extension_of(path) in MEDIA:
                parts = PurePosixPath(path).with_suffix("").parts
                for begin in range(len(parts)):
                    self._paths.setdefault("/".join(parts[begin:]), path)
        if not self._paths:
            raise UsageError(f"{folder}: no video or sound below it; give the folder of the downloaded videos")

    def row(self, clip: Annotated) -> dict[str, Any] | None:
        """The clip's row of a manifest with an absolute path; None when it has no file."""
        found = next((self._paths[name] for name in clip.names if name in self._paths), None)
        if found is not None:
            return {"path": str(self.folder / found), "key": clip.key, **clip.fields}
        if clip.whole and clip.whole in self._paths:
            path = str(self.folder / self._paths[clip.whole])
            return {"path": path, "key": clip.key, "start": clip.start, "end": clip.end, **clip.fields}
        return None


@dataclass(frozen=True)
class Coverage:
    """How many of the annotated clips have a file."""

    found: int
    missing: tuple[str, ...]  # keys

    @property
    def share(self) -> float:
        """Found of all."""
        return self.found / (self.found + len(self.missing))


def write_manifest(out: Path, clips: Iterable[Annotated], videos: Videos) -> Coverage:
    """Write the clips that have a file, and the keys of the others beside it in `OUT.missing.txt`.

    In CSV, lists and tables are written as JSON; of them only captions are read back as such.

    Args:
        out: a path that ends in .csv or .jsonl.
        clips: all that are annotated.
        videos: their files.

    Raises:
        UsageError: another ending, two clips of one key, nothing annotated, or no clip has a file.
    """
    if out.suffix not in (".csv", ".jsonl"):
        raise UsageError(f"{out}: a manifest ends in .csv or .jsonl")
    rows: list[dict[str, Any]] = []
    missing: list[str] = []
    keys: set[str] = set()
    for clip in clips:
        if clip.key in keys:
            raise UsageError(f"{out}: the annotations name {clip.key} twice; leave one of them out")
        keys.add(clip.key)
        if (row := videos.row(clip)) is None:
            missing.append(clip.key)
        else:
            rows.append(row)
    if not rows:
        reason = (
            f"none of {len(missing)} annotated clips has a file in {videos.folder}" if missing else "no clip is left"
        )
        raise UsageError(f"{out}: {reason}; check --videos, --annotations and --split")
    write_text(out, jsonl(rows) if out.suffix == ".jsonl" else comma_separated(rows))
    lost = out.with_name(f"{out.name}.missing.txt")
    lost.unlink(missing_ok=True)
    if missing:
        write_text(lost, "".join(f"{key}\n" for key in missing))
    return Coverage(len(rows), tuple(missing))


def write_text(path: Path, text: str) -> None:
    """All or nothing: a manifest cut short would be read as a smaller data set.

    Raises:
        UsageError: the folder is missing or cannot be written to.
    """
    try:
        write_atomically(path, text)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written ({error.strerror}); give another --out") from error


def jsonl(rows: Iterable[Mapping[str, Any]]) -> str:
    """One JSON object a line."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def comma_separated(rows: Iterable[Mapping[str, Any]]) -> str:
    """A header of all fields, then one line a row."""
    rows = list(rows)
    columns = list(dict.fromkeys(column for row in rows for column in row))
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        cells = (row.get(column, "") for column in columns)
        writer.writerow([c if isinstance(c, str | int | float) else json.dumps(c, ensure_ascii=False) for c in cells])
    return text.getvalue()
