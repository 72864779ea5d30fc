"""Files that a command will write."""

from pathlib import Path


def claim(*files: Path | None) -> None:
    """Make their folders, and refuse now, not after the work, what cannot be written; None is a file nobody wants.

    Raises:
        OSError: one cannot be written; it names the path.
    """
    from mmssl.data.atomic import check_writable

    for file in files:
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            check_writable(file)
