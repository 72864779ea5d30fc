"""`open_recordings`: whatever names data, as recordings."""

from collections.abc import Sequence
from pathlib import Path

from mmssl.data.folder import FolderRecordings, LocalFiles, walk
from mmssl.data.recordings import Recordings
from mmssl.errors import UsageError


def open_recordings(source: str | Sequence[str]) -> Recordings:
    """Open a folder of media files (globs, manifests and shards: being built).

    Raises:
        UsageError: nothing is there.
    """
    path = Path(str(source))
    if not path.is_dir():
        raise UsageError(f"there is no folder {path}")
    return FolderRecordings(str(source), LocalFiles(path), walk(path))
