"""`open_recordings`: whatever names data, as recordings."""

import glob
import itertools
import re
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

from mmssl.data.captions import MEDIA, extension_of
from mmssl.data.concatenation import ConcatenatedRecordings
from mmssl.data.folder import FolderRecordings, LocalFiles, walk
from mmssl.data.keyed import Keyed
from mmssl.data.manifest import ROWS, ManifestRecordings
from mmssl.data.network import is_remote
from mmssl.data.remote import RemoteFiles, match_remote
from mmssl.data.shards import ShardRecordings
from mmssl.errors import UsageError

SHARD = "tar"
MOST = 1_000_000  # addresses that braces may name
_RANGE = re.compile(r"(\d+)\.\.(\d+)")
_BRACES = re.compile(r"\{([^{}]*)\}")


def open_recordings(source: str | Sequence[str]) -> Keyed:
    """Open data by name.

    Args:
        source: a folder of media files or of tar shards, a media file, a `.csv` or `.jsonl` manifest, a shard, any of
            these as a glob (`data/*.mp4`, `data/**/*.wav`) or with braces (`shard-{000..012}.tar`, `{train,valid}/`),
            local or at an fsspec address (`https://`, `s3://`); or several of these, one after the other.

    Raises:
        UsageError: nothing is there, or it is no data; with what is near.
        MediaError: a shard or address cannot be read.
    """
    if not isinstance(source, str):
        if not source:
            raise UsageError("the list of sources is empty; name at least one")
        parts = [open_recordings(part) for part in source]
        return ConcatenatedRecordings(", ".join(source), parts) if len(parts) > 1 else parts[0]
    found = [match for address in expand_braces(source) for match in _matches(address)]
    if not found:
        raise UsageError(f"no data matches {source}; its files must be media, .tar, .csv or .jsonl")
    parts = [
        part for kind, addresses in itertools.groupby(found, _kind) for part in OPENERS[kind](source, list(addresses))
    ]
    return ConcatenatedRecordings(source, parts) if len(parts) > 1 else parts[0]


def is_film(address: str) -> bool:
    """Whether it names one local file of media, there or not, rather than data of several recordings."""
    if Path(address).exists():
        return Path(address).is_file() and extension_of(address) not in (SHARD, *ROWS)
    several = is_remote(address) or glob.has_magic(address) or _BRACES.search(address)
    return not several and _kind(address) == "media"


def expand_braces(source: str) -> list[str]:
    """`a{08..10}` to a08, a09, a10 and `{a,b}` to a, b, as bash does.

    Raises:
        UsageError: braces without a range or a comma, or more than a million addresses.
    """
    braces = _BRACES.search(source)
    if braces is None or Path(source).exists():
        return [source]
    if span := _RANGE.fullmatch(braces[1]):
        first, last = int(span[1]), int(span[2])
        if last < first or last - first >= MOST:
            raise UsageError(f"{source}: {braces[0]} must go up, by at most {MOST}")
        width = len(span[1]) if span[1].startswith("0") else 0
        values = [f"{number:0{width}d}" for number in range(first, last + 1)]
    elif "," in braces[1]:
        values = braces[1].split(",")
    else:
        raise UsageError(f"{source}: {braces[0]} is neither a range {{000..012}} nor a list {{a,b}}")
    return [one for value in values for one in expand_braces(source[: braces.start()] + value + source[braces.end() :])]


def _matches(address: str) -> list[str]:
    """The address, or what a glob finds.

    Raises:
        UsageError: nothing.
    """
    if is_remote(address):
        return [match for match in match_remote(address) if match == address or _kind(match) != "folder"]
    if Path(address).exists():
        return [address]
    if glob.has_magic(address):
        folder, pattern = _split(address)
        matches = sorted(path for path in Path(folder).glob(pattern) if path.is_dir() or _kind(str(path)) != "folder")
        if matches:
            return [str(path) for path in matches]
        raise UsageError(f"no data matches {address}{_near(Path(address))}")
    raise UsageError(f"there is no {address}{_near(Path(address))}")


def _near(path: Path) -> str:
    """What the last folder on the way that is there holds, for a message."""
    missing = path
    while not missing.parent.is_dir():
        missing = missing.parent
    names = sorted(entry.name for entry in itertools.islice(missing.parent.iterdir(), 10_000))
    close = get_close_matches(missing.name, names, 1)
    if close:
        return f"; did you mean {missing.parent / close[0]}?"
    held = f"holds {', '.join(names[:5])}{', ...' if len(names) > 5 else ''}" if names else "is empty"
    return f"; {missing.parent} {held}"


def _kind(address: str) -> str:
    extension = extension_of(address)
    if extension in OPENERS:
        return extension
    return "media" if extension in MEDIA and not Path(address).is_dir() else "folder"


def _open_shards(source: str, addresses: list[str]) -> list[Keyed]:
    return [ShardRecordings(source, addresses)]


def _open_manifests(source: str, addresses: list[str]) -> list[Keyed]:
    opened: list[Keyed] = []
    for address in addresses:
        folder, _, name = address.rpartition("/")
        files = RemoteFiles(folder) if is_remote(address) else LocalFiles(Path(folder or "."))
        opened.append(ManifestRecordings(address, files.read(name), files))
    return opened


def _open_media(source: str, addresses: list[str]) -> list[Keyed]:
    """Files that a glob found; keys begin at the last folder that the glob names in full."""
    folder, pattern = _split(source)
    if is_remote(source):
        remote = RemoteFiles(folder)
        names = remote.names() if glob.has_magic(pattern) else [pattern]  # one file needs no listing of its folder
        media = [address.removeprefix(f"{folder}/") for address in addresses]
        return [FolderRecordings(source, remote, names, media)]
    place = Path(folder)
    media = [str(Path(address).relative_to(place)) for address in addresses]
    return [FolderRecordings(source, LocalFiles(place), walk(place), media)]


def _split(source: str) -> tuple[str, str]:
    """The folder that a glob or path names in full, and the rest."""
    magic = re.search(r"[*?\[{]", source) if not Path(source).exists() else None
    end = source.rfind("/", 0, magic.start() if magic else None)
    return (source[:end] or "/", source[end + 1 :]) if end >= 0 else (".", source)


def _open_folders(source: str, addresses: list[str]) -> list[Keyed]:
    opened: list[Keyed] = []
    for address in addresses:
        remote = RemoteFiles(address) if is_remote(address) else None
        if remote is None and not Path(address).is_dir():
            raise UsageError(f"{address} is no data; it must be a folder, a media file, a .tar shard, .csv or .jsonl")
        names = remote.names() if remote else walk(Path(address))
        shards = [f"{address.rstrip('/')}/{name}" for name in names if extension_of(name) == SHARD]
        media = [name for name in names if extension_of(name) in MEDIA]
        if not shards and not media:
            held = f"{len(names)} others, like {names[0]}" if names else "nothing; check the address"
            raise UsageError(f"{address} holds no media files and no .tar shards, but {held}")
        if shards:
            opened.append(ShardRecordings(address, shards))
        if media:
            opened.append(FolderRecordings(address, remote or LocalFiles(Path(address)), names))
    return opened


OPENERS = {
    SHARD: _open_shards,
    "media": _open_media,
    "folder": _open_folders,
    **dict.fromkeys(ROWS, _open_manifests),
}
