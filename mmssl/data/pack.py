"""`pack`: recordings of any kind into tar shards in webdataset's layout, in parallel and resumable.

Media bytes are copied as they are. Which recording goes into which shard is a pure function of the source and
`shard_bytes`, and a shard's bytes of its recordings: a finished shard is never written again.
"""

import fcntl
import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from mmssl.data.atomic import write_atomically
from mmssl.data.decode.pyav import PyAVReader
from mmssl.data.decode.reader import Reader
from mmssl.data.process_pool import interrupts_held, process_pool
from mmssl.data.recordings import Recordings
from mmssl.data.shard_plan import ShardPlan, plan_shards
from mmssl.data.shard_writer import RECORDS, ShardReport, Skip, finished, write_shard
from mmssl.data.sources import open_recordings
from mmssl.errors import MmsslError, UsageError

SUMMARY = "pack.json"
SKIPPED = "skipped.jsonl"
SHARD_BYTES = 256 << 20
FORMAT = 1


@dataclass(frozen=True)
class PackReport:
    """What became of a source.

    Attributes:
        folder: the shards are here.
        shards: in their order.
        reused: how many of them an earlier run had finished.
    """

    folder: Path
    shards: tuple[ShardReport, ...]
    reused: int

    @property
    def samples(self) -> int:
        """Packed recordings."""
        return sum(shard.samples for shard in self.shards)

    @property
    def bytes(self) -> int:
        """Of all shards."""
        return sum(shard.bytes for shard in self.shards)

    @property
    def skipped(self) -> tuple[Skip, ...]:
        """Recordings left out."""
        return tuple(skip for shard in self.shards for skip in shard.skipped)

    @property
    def faults(self) -> Counter[str]:
        """How many were left out for each reason."""
        return Counter(skip.fault for skip in self.skipped)


@contextmanager
def _locked(out: Path) -> Iterator[None]:
    """Only one process packs into a folder."""
    try:
        (out / RECORDS).mkdir(parents=True, exist_ok=True)
        with (out / RECORDS / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
    except BlockingIOError:
        raise UsageError(f"{out}: another mmssl pack is writing here; wait for it or choose another --out") from None


def _claim(out: Path, told: dict[str, object]) -> None:
    """Say what the folder is for, or refuse one that is for something else."""
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


_job: list[tuple[Recordings, Path, Reader | None]] = []  # of a worker process, set once when it starts


def _start(recordings: Recordings, out: Path, reader: Reader | None) -> None:
    _job[:] = [(recordings, out, reader)]


def _work(plan: ShardPlan) -> ShardReport:
    recordings, out, reader = _job[0]
    return write_shard(recordings, plan, out, reader)


def _written(out: Path, plans: Sequence[ShardPlan]) -> int:
    """Bytes so far, for the progress bar."""
    sizes = []
    for plan in plans:
        for name in (plan.name, f"{plan.name}.partial"):
            path = out / name
            sizes.append(path.stat().st_size if path.exists() else 0)
    return sum(sizes)


def _run(
    recordings: Recordings, plans: Sequence[ShardPlan], out: Path, reader: Reader | None, workers: int
) -> Iterator[ShardReport | None]:
    """Reports as shards finish; None now and then while nothing does."""
    if workers <= 1:
        for plan in plans:
            yield write_shard(recordings, plan, out, reader)
        return
    try:
        with process_pool(workers, _start, (recordings, out, reader)) as pool:
            with interrupts_held():
                pending: set[Future[ShardReport]] = {pool.submit(_work, plan) for plan in plans}
            while pending:
                done, pending = wait(pending, 0.5, FIRST_COMPLETED)
                yield from [future.result() for future in done]
                if not done:
                    yield None
    except BrokenProcessPool:
        detail = "a worker died, of too little memory or in a decoder; the same command with --workers 1 goes on"
        raise MmsslError(f"{out}: {detail}") from None


def pack(
    source: str | Sequence[str],
    out: Path,
    *,
    shard_bytes: int = SHARD_BYTES,
    workers: int = 0,
    validate: bool = True,
    console: Console | None = None,
) -> PackReport:
    """Pack a source into shards; the same call again goes on where an earlier one stopped.

    Args:
        source: as for `open_recordings`.
        out: folder of the shards, their indexes, `pack.json` and `skipped.jsonl`.
        shard_bytes: the most bytes of a shard, about.
        workers: processes; 0 for one a core.
        validate: open each recording once and leave out what cannot be opened.
        console: shows the progress; None for none.

    Raises:
        UsageError: nothing to pack, or `out` holds something else.
        MmsslError: `out` cannot be written, or a worker died.
    """
    if shard_bytes <= 0:
        raise UsageError(f"shard_bytes must be positive, not {shard_bytes}")
    for place in [source] if isinstance(source, str) else source:
        if out.resolve().is_relative_to(Path(place).resolve()):
            raise UsageError(f"--out {out} lies in {place}, which is to be packed; choose a folder outside it")
    recordings = open_recordings(source)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--out {out} cannot be made: {error.strerror}") from None
    with _locked(out):
        plans = plan_shards(recordings, recordings.all_keys(), shard_bytes)
        told = {"format": FORMAT, "source": recordings.fingerprint(), "shard_bytes": shard_bytes, "validate": validate}
        _claim(out, told)
        report = _pack(recordings, plans, out, PyAVReader() if validate else None, workers, console)
        _summarize(report, recordings.name)
    if not report.samples:
        raise MmsslError(
            f"{recordings.name}: none of the {len(report.skipped)} recordings can be read; see {out / SKIPPED}"
        )
    return report


def _pack(
    recordings: Recordings,
    plans: Sequence[ShardPlan],
    out: Path,
    reader: Reader | None,
    workers: int,
    console: Console | None,
) -> PackReport:
    """Write the shards that are missing."""
    for leftover in out.glob("shard-*.tar.partial"):
        leftover.unlink()
    done = {plan.name: report for plan in plans if (report := finished(out, plan.name))}
    missing = [plan for plan in plans if plan.name not in done]
    reused, total = len(done), sum(plan.bytes for plan in missing)
    columns = (TextColumn("pack"), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=console is None) as progress:
        task = progress.add_task("pack", total=total)
        for report in _run(recordings, missing, out, reader, min(workers or os.cpu_count() or 1, len(missing))):
            if report is not None:
                done[report.name] = report
            progress.update(task, completed=min(_written(out, missing), total))
        progress.update(task, completed=total)
    return PackReport(out, tuple(done[plan.name] for plan in plans), reused)


def _summarize(report: PackReport, source: str) -> None:
    skipped = "".join(json.dumps(asdict(skip), ensure_ascii=False) + "\n" for skip in report.skipped)
    write_atomically(report.folder / SKIPPED, skipped.encode("utf-8", "backslashreplace"))
    told = {
        "source": source,
        "samples": report.samples,
        "bytes": report.bytes,
        "skipped": dict(sorted(report.faults.items())),
        "shards": [{k: v for k, v in asdict(shard).items() if k != "skipped"} for shard in report.shards],
    }
    write_atomically(report.folder / SUMMARY, json.dumps(told, indent=1).encode())
