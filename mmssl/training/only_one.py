"""One training a run folder at a time: two would write into each other's logs and checkpoints."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mmssl.distributed import rank
from mmssl.errors import UsageError


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Within this block no other training has the folder, which is made if it is not there; process 0 sees to it.

    The lock ends with the process, however that ends.

    Raises:
        UsageError: another has it, or it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{folder}: cannot be made ({error.strerror}); give another --out") from error
    if rank() != 0:
        yield
        return
    try:
        file = (folder / ".lock").open("w")
    except OSError:  # a full or read-only disk, which the run's own files tell
        yield
        return
    with file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError) as error:
            raise UsageError(
                f"{folder}: another training runs in it; wait for its end, or give another --out"
            ) from error
        except OSError:
            pass  # a file system without locks
        yield
