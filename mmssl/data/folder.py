"""A folder of media files as recordings, each described by the files beside it."""

import hashlib
import os
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Protocol

from mmssl.data.captions import DESCRIPTION, MEDIA, beside, describe, extension_of
from mmssl.data.decode.reader import Source
from mmssl.data.keyed import Keyed
from mmssl.data.recordings import Recording
from mmssl.data.text import LARGEST, read_small
from mmssl.errors import MediaError


class Files(Protocol):
    """Files below one place, by names relative to it with `/` between the parts."""

    address: str

    def source(self, name: str) -> Source:
        """For `Reader.open`."""
        ...

    def read(self, name: str, largest: int | None = None) -> bytes:
        """A small file whole.

        Args:
            name: of it.
            largest: bytes; None for any number.

        Raises:
            MediaError: MISSING, PERMISSION, NOT_REGULAR, TOO_LARGE or NETWORK.
        """
        ...

    def size(self, name: str) -> int:
        """Bytes; -1 when it is missing, as a dangling link is."""
        ...


class LocalFiles:
    """Files below a local folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.address = str(folder)

    def source(self, name: str) -> str:
        """The path; the reader says what is wrong with it."""
        return str(self.folder / name)

    def read(self, name: str, largest: int | None = None) -> bytes:
        """A small file whole.

        Raises:
            MediaError: MISSING, PERMISSION, NOT_REGULAR or TOO_LARGE.
        """
        return read_small(self.folder / name, largest)

    def size(self, name: str) -> int:
        """Bytes; -1 when it is missing."""
        try:
            return (self.folder / name).stat().st_size
        except OSError:
            return -1


def walk(folder: Path) -> list[str]:
    """Names of all files below a folder, sorted; hidden ones are left out, links are followed once."""
    names: list[str] = []
    seen = set()
    pending = [(folder, "")]
    while pending:
        place, prefix = pending.pop()
        status = place.stat()
        if (status.st_dev, status.st_ino) in seen:
            continue  # a link back up would never end
        seen.add((status.st_dev, status.st_ino))
        with os.scandir(place) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if entry.is_dir():
                    pending.append((Path(entry.path), f"{prefix}{entry.name}/"))
                else:
                    names.append(prefix + entry.name)
    return sorted(names)


def _stem(name: str) -> str:
    return name[: name.rindex(".")]


def _keys(files: Sequence[str]) -> list[str]:
    taken: dict[str, str] = {}
    for file in files:
        stem = _stem(file)
        taken.setdefault(file if stem in taken else stem, file)
    if len(taken) < len(files):  # `a.mp4`, `a.wav` and `a.wav.mp4`
        return list(files)
    return list(taken)


class FolderRecordings(Keyed):
    """Media files below one place; keys are their names without extension.

    Files that differ only in their extension (`a.mp4`, `a.wav`) share a group; all but the first keep the extension
    in their key. Descriptions are read when a recording is asked for, so a folder of a million files opens quickly.

    Args:
        name: as the user gave it.
        files: where they are.
        names: sorted names of all files there, also of those that describe.
        media: names of the media files to take; all when None.
    """

    def __init__(self, name: str, files: Files, names: Sequence[str], media: Iterable[str] | None = None) -> None:
        self.name, self._files, self._names = name, files, names
        taken = names if media is None else sorted(media)
        self._media = [file for file in taken if extension_of(file) in MEDIA]
        self._keys = _keys(self._media)

    def __len__(self) -> int:
        return len(self._media)

    def all_keys(self) -> list[str]:
        """Of all recordings."""
        return self._keys

    def __getitem__(self, index: int) -> Recording:
        file = self._media[index]
        described = [
            (extension, language, f"{self._files.address}/{name}", partial(self._files.read, name, LARGEST))
            for extension, language, name in beside(self._names, _stem(file))
        ]
        return describe(self._keys[index], extension_of(file), described, group=_stem(file))

    def source(self, index: int) -> Source:
        """The path, or an open remote file."""
        return self._files.source(self._media[index])

    def fingerprint(self) -> str:
        """A hash over the keys and sizes of the media and of what describes them."""
        digest = hashlib.sha256()
        for key, file in zip(self._keys, self._media, strict=True):
            others = [name for _, _, name in beside(self._names, _stem(file))]
            sizes = [self._files.size(name) for name in (file, *others)]
            digest.update(f"{key}\0{sizes}\n".encode(errors="surrogateescape"))
        return digest.hexdigest()

    def groups(self) -> Sequence[str]:
        """The group of each recording; a `.json` that cannot be read names none, and fails when it is asked for."""
        groups = []
        for i, file in enumerate(self._media):
            described = any(extension == DESCRIPTION for extension, _, _ in beside(self._names, _stem(file)))
            groups.append(self._group(i) if described else _stem(file))
        return groups

    def _group(self, index: int) -> str:
        try:
            return self[index].group
        except MediaError:
            return _stem(self._media[index])
