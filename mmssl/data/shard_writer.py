"""One tar shard written from recordings, whole or not at all."""

import hashlib
import json
import os
import shutil
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

from mmssl.data.atomic import write_atomically
from mmssl.data.decode.reader import Reader
from mmssl.data.outage import Outage
from mmssl.data.packets.store import table_of
from mmssl.data.recordings import Recording, Recordings
from mmssl.data.shard_index_file import open_index
from mmssl.data.shard_plan import ShardPlan
from mmssl.data.shards import TABLE
from mmssl.data.slices import open_source
from mmssl.data.stored import Store, untouched
from mmssl.data.tar import END, header, padding
from mmssl.errors import Fault, MediaError, MmsslError

RECORDS = ".pack"  # what was skipped in each finished shard, for a run that goes on later


@dataclass(frozen=True)
class Skip:
    """A recording that was left out, and why."""

    key: str
    fault: str
    detail: str


@dataclass(frozen=True)
class ShardReport:
    """What became of one shard."""

    name: str
    samples: int
    bytes: int
    sha256: str
    skipped: tuple[Skip, ...]
    kept: int = 0  # recordings that a re-encoding left as they are


def description(found: Recording, key: str) -> bytes:
    """The `.json` of a sample: fields as they are read beside a file."""
    fields: dict[str, Any] = dict(found.extra)
    if found.captions:
        captions = [asdict(caption) for caption in found.captions]
        fields["captions"] = [{k: v for k, v in caption.items() if v not in ("", None)} for caption in captions]
    for name in ("start", "end", "label"):
        if (value := getattr(found, name)) not in ("", None):
            fields[name] = value
    if found.group != key:
        fields["group"] = found.group
    text = json.dumps(fields, ensure_ascii=False, sort_keys=True)
    return text.encode("utf-8", "backslashreplace")  # half of a surrogate pair becomes the escape JSON has for it


def _member(file: BinaryIO, name: str, size: int, content: BinaryIO | bytes) -> None:
    file.write(header(name, size))
    start = file.tell()
    if isinstance(content, bytes):
        file.write(content)
    else:
        shutil.copyfileobj(content, file, 1 << 20)
    if file.tell() - start != size:
        raise MediaError(name, Fault.TRUNCATED, "changed while it was packed; pack again when it is complete")
    file.write(padding(size))


def _sample(
    file: BinaryIO, recordings: Recordings, index: int, key: str, reader: Reader | None, store: Store, folder: Path
) -> bool:
    """Write one recording; whether it was kept as it is although it should be re-encoded."""
    found = recordings[index]
    source, size = open_source(recordings.source(index))
    with source:
        if reader is not None:
            with reader.open(source, found.key) as media:
                if media.info.video is None and media.info.audio is None:
                    raise MediaError(found.key, Fault.NO_VIDEO, "holds neither video nor sound")
        with store(source, size, found, folder) as stored:
            table = None if reader is None else table_of(stored.content, found.key)
            stored.content.seek(0)
            _member(file, f"{key}.{stored.extension}", stored.size, stored.content)
    if table is not None:  # right behind what it is about: one read gets both
        _member(file, f"{key}.{TABLE}", len(table), table)
    told = description(replace(found, extra={**found.extra, **stored.told}), key)
    _member(file, f"{key}.json", len(told), told)
    whole = next((caption.text for caption in found.captions if caption.start is None and caption.end is None), None)
    if whole is not None:  # what open_clip and video2dataset read
        _member(file, f"{key}.txt", len(whole.encode()), whole.encode())
    return stored.kept


def write_shard(
    recordings: Recordings,
    plan: ShardPlan,
    out: Path,
    reader: Reader | None,
    store: Store = untouched,
    outage: Outage | None = None,
) -> ShardReport:
    """Write a shard, its index and its report.

    Args:
        recordings: all of the source.
        plan: which go into this shard.
        out: the folder.
        reader: opens each recording once; one that cannot be opened is skipped. None: nothing is opened.
        store: makes of a recording the bytes that are stored.
        outage: has seen the recordings before these; None where there were none.

    Raises:
        MmsslError: the folder cannot be written.
        MediaError: NETWORK; the storage does not answer at all.
    """
    outage = Outage() if outage is None else outage
    partial = out / f"{plan.name}.partial"
    skipped, kept = list[Skip](), 0
    try:
        with partial.open("w+b") as file:
            for index, key in zip(range(plan.start, plan.stop), plan.keys, strict=True):
                start = file.tell()
                try:
                    kept += _sample(file, recordings, index, key, reader, store, out / RECORDS)
                    outage.look(None)
                except MediaError as error:
                    outage.look(error)
                    skipped.append(Skip(key, error.fault.value, f"{error.name}: {error.detail}"))
                    file.seek(start)
                    file.truncate()
            samples = plan.stop - plan.start - len(skipped)
            file.write(END)
            file.flush()
            os.fsync(file.fileno())
            file.seek(0)
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            size = file.seek(0, os.SEEK_END)
        report = ShardReport(plan.name, samples, size, digest, tuple(skipped), kept)
        write_atomically(_record(out, plan.name), json.dumps(asdict(report)).encode())
        partial.replace(out / plan.name)
    except OSError as error:
        detail = f"cannot be written ({error.strerror or error}); the same command goes on from the finished shards"
        raise MmsslError(f"{partial}: {detail}") from None
    open_index(str(out / plan.name), checksums=True)
    return report


def _record(out: Path, name: str) -> Path:
    return out / RECORDS / f"{name}.json"


def finished(out: Path, name: str, check: bool = False) -> ShardReport | None:
    """The report of a shard that an earlier run finished; None when it is not there as it was written.

    One that lacks what the network did not give is not finished.

    Args:
        out: the folder.
        name: of the shard.
        check: read it and compare its checksum; else its size alone.
    """
    try:
        told = json.loads(_record(out, name).read_bytes())
        if (out / name).stat().st_size != told["bytes"]:
            return None
        if check:
            with (out / name).open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != told["sha256"]:
                    return None
        report = ShardReport(**{**told, "skipped": tuple(Skip(**skip) for skip in told["skipped"])})
        return None if any(skip.fault == Fault.NETWORK.value for skip in report.skipped) else report
    except (OSError, ValueError, TypeError, KeyError):
        return None
