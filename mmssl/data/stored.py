"""The media of a recording as a shard stores them: untouched, unless something makes other bytes of them."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from mmssl.data.recordings import Recording


@dataclass(frozen=True)
class Stored:
    """What goes into the shard.

    Attributes:
        extension: of the media member.
        content: an open seekable file, to be read from its beginning.
        size: bytes.
        told: fields for the `.json` of the sample.
        kept: a re-encoding left the recording as it is; `told` says why.
    """

    extension: str
    content: BinaryIO
    size: int
    told: dict[str, Any] = field(default_factory=dict)
    kept: bool = False


# The source with its size in bytes, the recording, and a folder for files that are needed meanwhile.
Store = Callable[[BinaryIO, int, Recording, Path], AbstractContextManager[Stored]]


@contextmanager
def untouched(source: BinaryIO, size: int, found: Recording, folder: Path) -> Iterator[Stored]:
    """The bytes of the source."""
    source.seek(0)
    yield Stored(found.extension, source, size)
