"""The files beside a recording: `.json`, `.txt`, `.srt` and `.vtt` of its name, with a language before the dot or not.

`boat.mp4` is described by `boat.json` and captioned by `boat.txt` (one caption a line), `boat.srt`, `boat.de.vtt`.
"""

import json
import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache, partial
from pathlib import Path
from time import time_ns
from typing import Any

from mmssl.data.fields import FieldError, recording, unique
from mmssl.data.recordings import Caption, Recording
from mmssl.data.subtitles import subtitles
from mmssl.data.text import LARGEST, clean, decode, read_small
from mmssl.errors import Fault, MediaError

VIDEO = {"mp4", "mkv", "webm", "mov", "avi", "m4v", "mpg", "mpeg", "ts", "mts", "m2ts", "3gp", "flv", "ogv", "wmv"}
AUDIO = {"wav", "flac", "mp3", "ogg", "oga", "opus", "m4a", "aac", "aiff", "aif", "wma"}
MEDIA = VIDEO | AUDIO

Read = Callable[[], bytes]


def lines(data: bytes, name: str, language: str = "") -> Iterator[Caption]:
    """One caption a line."""
    for number, line in enumerate(decode(data, name).split("\n"), 1):
        try:
            if text := clean(line):
                yield Caption(text, language)
        except ValueError as error:
            raise MediaError(name, Fault.TEXT, f"line {number} {error}") from None


def json_fields(data: bytes, name: str) -> dict[str, Any]:
    """The object in a `.json` file.

    Raises:
        MediaError: TEXT, not UTF-8, not JSON or not an object.
    """
    try:
        fields = json.loads(decode(data, name))
    except json.JSONDecodeError as error:
        detail = f"line {error.lineno} column {error.colno} is not JSON ({error.msg})"
        raise MediaError(name, Fault.TEXT, detail) from None
    except RecursionError:
        raise MediaError(name, Fault.TEXT, "is JSON nested too deeply to be a description") from None
    except ValueError as error:  # a whole number of thousands of digits
        raise MediaError(name, Fault.TEXT, f"is not JSON that can be read ({error})") from None
    if not isinstance(fields, dict):
        raise MediaError(name, Fault.TEXT, "must hold a JSON object {...} with fields like captions and label")
    return fields


CAPTION_FILES: dict[str, Callable[[bytes, str, str], Iterator[Caption]]] = {
    "txt": lines,
    "srt": subtitles,
    "vtt": subtitles,
}
DESCRIPTION = "json"
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:[-_][A-Za-z0-9]+)?")


def beside(names: Sequence[str], stem: str) -> list[tuple[str, str, str]]:
    """The files among sorted `names` that belong to the media file `stem.*`: (extension, language, name), sorted.

    `boat.en.srt` belongs to `boat.mp4` unless there is a `boat.en.mp4`.
    """
    related = []
    for i in range(bisect_left(names, f"{stem}."), len(names)):
        if not names[i].startswith(f"{stem}."):
            break
        related.append(names[i])
    if len(related) == 1 and extension_of(related[0]) in MEDIA:
        return []  # as for most of a million files
    media = {name.rpartition(".")[0] for name in related if extension_of(name) in MEDIA}
    found = []
    for name in related:
        described = kind(name.removeprefix(f"{stem}."))
        if described and f"{stem}.{described[1]}" not in media:
            found.append((*described, name))
    return sorted(found)


def kind(suffix: str) -> tuple[str, str] | None:
    """(extension, language) of a file that describes, by what follows its name: `en.srt`; None for other files."""
    *languages, extension = suffix.split(".")
    extension = extension.lower()
    if not languages:
        return (extension, "") if extension in CAPTION_FILES or extension == DESCRIPTION else None
    spoken = len(languages) == 1 and _LANGUAGE.fullmatch(languages[0])
    return (extension, languages[0]) if spoken and extension in CAPTION_FILES else None


def extension_of(name: str) -> str:
    """Lower-case extension without the dot."""
    # Not PurePosixPath, which takes seconds for a million names.
    stem, dot, extension = name.rpartition(".")
    return extension.lower() if dot and stem and stem[-1] != "/" and "/" not in extension else ""


def describe(
    key: str,
    extension: str,
    files: Sequence[tuple[str, str, str, Read]],
    group: str = "",
) -> Recording:
    """A recording with what the files beside it say.

    Args:
        key: its name.
        extension: of its media file.
        files: (extension, language, name, read) of each file beside it.
        group: when the `.json` names none; the key when this is empty too.

    Raises:
        MediaError: TEXT, with the file and line or field.
    """
    fields: dict[str, Any] = {}
    captions: list[Caption] = []
    described = ""
    for extension_beside, language, name, read in files:
        if extension_beside == DESCRIPTION:
            fields = json_fields(read(), name)
            described = name
        else:
            captions += CAPTION_FILES[extension_beside](read(), name, language)
    try:
        found = recording(key, extension, fields, group)
    except FieldError as error:
        raise MediaError(described, Fault.TEXT, str(error)) from None
    if not captions:
        return found
    return Recording(**{**vars(found), "captions": unique(iter([*found.captions, *captions]))})


@lru_cache(maxsize=64)
def _names(folder: str, changed: int) -> tuple[str, ...]:
    return tuple(sorted(entry.name for entry in Path(folder).iterdir()))


def listing(folder: Path) -> tuple[str, ...]:
    """Sorted names in a folder; read again when it changed, as a manifest asks for each of its files."""
    changed = folder.stat().st_mtime_ns
    # A folder that changed just now may change again within one tick of the clock of its file system.
    settled = time_ns() - changed > 2_000_000_000
    return _names(str(folder), changed) if settled else _names.__wrapped__(str(folder), changed)


def captions_beside(path: str | Path) -> tuple[Caption, ...]:
    """The captions in the files beside a media file: `.json`, then `.srt`, `.txt` and `.vtt`; none gives ().

    Raises:
        MediaError: TEXT, with the file and line or field.
    """
    return described_beside(path).captions


def described_beside(path: str | Path) -> Recording:
    """Everything that the files beside a media file say about it.

    Raises:
        MediaError: TEXT, with the file and line or field.
    """
    path = Path(path)
    names = listing(path.parent) if path.parent.is_dir() else ()
    files = [
        (extension, language, str(path.parent / name), partial(read_small, path.parent / name, LARGEST))
        for extension, language, name in beside(names, path.stem)
    ]
    return describe(path.stem, extension_of(path.name), files)
