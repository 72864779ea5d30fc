"""The folder of a pack: one process writes there, always the same pack."""

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mmssl.data.atomic import write_atomically
from mmssl.data.shard_writer import RECORDS
from mmssl.errors import UsageError


@contextmanager
def locked(out: Path) -> Iterator[None]:
    """Only one process packs into a folder.

    Raises:
        UsageError: another one is at it.
    """
    try:
        (out / RECORDS).mkdir(parents=True, exist_ok=True)
        with (out / RECORDS / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
    except BlockingIOError:
        raise UsageError(f"{out}: another mmssl pack is writing here; wait for it or choose another --out") from None


def claim(out: Path, told: dict[str, object]) -> None:
    """Say what the folder is for, or refuse one that is for something else.

    Raises:
        UsageError: it holds something else, or a pack made otherwise.
    """
    plan = out / RECORDS / "plan.json"
    if plan.is_file():
        try:
            before = json.loads(plan.read_bytes())
        except ValueError:
            before = {}
        for name, value in told.items():
            if before.get(name) != value:
                raise UsageError(f"{out} holds a pack with another {name}; choose another --out or remove it")
        return
    if others := [entry.name for entry in sorted(out.iterdir()) if entry.name != RECORDS]:
        raise UsageError(f"{out} already holds {others[0]}, which is not from mmssl pack; choose an empty folder")
    write_atomically(plan, json.dumps(told).encode())
