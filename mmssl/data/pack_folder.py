"""The folder of a pack: one process writes there, always the same pack."""

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mmssl.data.atomic import write_atomically
from mmssl.data.shard_writer import RECORDS
from mmssl.errors import UsageError

PLAN = "plan.json"


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


def claim(out: Path, told: dict[str, object]) -> list[tuple[int, int]]:
    """What `remember` kept in the folder; empty for a new one.

    Raises:
        UsageError: it holds something else, or a pack made otherwise.
    """
    if (out / RECORDS / PLAN).is_file():
        try:
            before = json.loads((out / RECORDS / PLAN).read_bytes())
        except ValueError:
            before = {}
        for name, value in told.items():
            if before.get(name) != value:
                raise UsageError(f"{out} holds a pack with another {name}; choose another --out or remove it")
        return [(start, size) for start, size in before.get("spans", [])]
    if others := [entry.name for entry in sorted(out.iterdir()) if entry.name != RECORDS]:
        raise UsageError(f"{out} already holds {others[0]}, which is not from mmssl pack; choose an empty folder")
    return []


def remember(out: Path, told: dict[str, object], spans: list[tuple[int, int]]) -> None:
    """Say what the folder is for and how its shards are parted, which sizes told that may not be had again."""
    write_atomically(out / RECORDS / PLAN, json.dumps({**told, "spans": spans}).encode())
