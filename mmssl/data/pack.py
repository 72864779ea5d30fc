"""`pack`: recordings of any kind into tar shards in webdataset's layout, in parallel and resumable.

Media bytes are copied as they are, or pictures encoded anew (`reencode.py`). Which recording goes into which shard is a
pure function of the source and `shard_bytes`, and a shard's bytes of its recordings, the profile and the encoder's
version: a finished shard is not written again, unless `check` finds that it is damaged.
"""

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any, BinaryIO

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from mmssl.data.decode.pyav import PyAVReader
from mmssl.data.decode.reader import Reader
from mmssl.data.keyed import Keyed
from mmssl.data.outage import Outage
from mmssl.data.pack_folder import claim, locked, remember
from mmssl.data.pack_report import SKIPPED, PackReport, summarize
from mmssl.data.process_pool import interrupts_held, process_pool
from mmssl.data.recordings import Recording, Recordings
from mmssl.data.reencode import SCRATCH, Reencode
from mmssl.data.reencode_profiles import Profile
from mmssl.data.shard_plan import MEMBER, ShardPlan, plan_shards, plan_spans
from mmssl.data.shard_writer import RECORDS, ShardReport, finished, write_shard
from mmssl.data.sources import open_recordings
from mmssl.data.stored import Store, Stored, untouched
from mmssl.errors import MmsslError, UsageError

SHARD_BYTES = 256 << 20
FORMAT = 1


@dataclass(frozen=True)
class _Job:
    """What the processes of a pack share; `done` counts bytes of the source."""

    recordings: Recordings
    out: Path
    reader: Reader | None
    store: Store
    done: Any
    outage: Outage = field(default_factory=Outage)

    def write(self, plan: ShardPlan, told: Callable[[], None]) -> ShardReport:
        """Write one shard; `told` is called whenever `done` has grown."""

        @contextmanager
        def counted(source: BinaryIO, size: int, found: Recording, folder: Path) -> Iterator[Stored]:
            try:
                with self.store(source, size, found, folder) as stored:
                    yield stored
            finally:
                with self.done.get_lock():
                    self.done.value += size + MEMBER
                told()

        return write_shard(self.recordings, plan, self.out, self.reader, counted, self.outage)


_job: list[_Job] = []  # of a worker process, set once when it starts


def _start(job: _Job) -> None:
    _job[:] = [job]


def _work(plan: ShardPlan) -> ShardReport:
    return _job[0].write(plan, lambda: None)


def _run(job: _Job, plans: Sequence[ShardPlan], workers: int, told: Callable[[], None]) -> Iterator[ShardReport]:
    """Reports as shards finish; `told` is called now and then."""
    if workers <= 1:
        for plan in plans:
            yield job.write(plan, told)
        return
    try:
        with process_pool(workers, _start, (job,)) as pool:
            with interrupts_held():
                pending: set[Future[ShardReport]] = {pool.submit(_work, plan) for plan in plans}
            while pending:
                done, pending = wait(pending, 0.5, FIRST_COMPLETED)
                yield from [future.result() for future in done]
                told()
    except BrokenProcessPool:
        detail = "a worker died, of too little memory or in a decoder; the same command with --workers 1 goes on"
        raise MmsslError(f"{job.out}: {detail}") from None


def pack(
    source: str | Sequence[str],
    out: Path,
    *,
    shard_bytes: int = SHARD_BYTES,
    workers: int = 0,
    validate: bool = True,
    reencode: Profile | None = None,
    check: bool = False,
    console: Console | None = None,
) -> PackReport:
    """Pack a source into shards; the same call again goes on where an earlier one stopped.

    Args:
        source: as for `open_recordings`.
        out: folder of the shards, their indexes with a checksum of each member (`shard_index` says when it is
            compared), `pack.json` with one of each shard, and `skipped.jsonl`.
        shard_bytes: the most bytes of the source in a shard, about.
        workers: processes; 0 for one a core.
        validate: open each recording once and leave out what cannot be opened.
        reencode: how pictures are encoded anew; None copies every byte. What cannot be decoded whole is left out.
        check: read the shards that an earlier run finished, and pack those again that are not as it wrote them.
        console: shows the progress; None for none.

    Raises:
        UsageError: nothing to pack, or `out` holds something else.
        MmsslError: `out` cannot be written, or a worker died.
        MediaError: NETWORK; the storage does not answer at all.
    """
    for place in [source] if isinstance(source, str) else source:
        if out.resolve().is_relative_to(Path(place).resolve()):
            raise UsageError(f"--out {out} lies in {place}, which is to be packed; choose a folder outside it")
    return pack_opened(
        open_recordings(source),
        out,
        shard_bytes=shard_bytes,
        workers=workers,
        validate=validate,
        reencode=reencode,
        check=check,
        console=console,
    )


def pack_opened(
    recordings: Keyed,
    out: Path,
    *,
    shard_bytes: int = SHARD_BYTES,
    workers: int = 0,
    validate: bool = True,
    reencode: Profile | None = None,
    check: bool = False,
    console: Console | None = None,
) -> PackReport:
    """`pack` of recordings that are open already; arguments and errors as there."""
    if shard_bytes <= 0:
        raise UsageError(f"shard_bytes must be positive, not {shard_bytes}")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--out {out} cannot be made: {error.strerror}") from None
    with locked(out):
        told = {"format": FORMAT, "source": recordings.fingerprint(), "shard_bytes": shard_bytes, "validate": validate}
        told["reencode"] = reencode.told() if reencode else None
        spans = claim(out, told) or plan_spans(recordings, shard_bytes)
        remember(out, told, spans)
        plans = plan_shards(recordings.all_keys(), spans)
        store = Reencode(reencode) if reencode else untouched
        done = get_context("spawn").Value("q", 0)
        job = _Job(recordings, out, PyAVReader(tables=False) if validate else None, store, done)
        report = _pack(job, plans, workers, check, console)
        summarize(report, recordings.name, reencode)
    if not report.samples:
        raise MmsslError(
            f"{recordings.name}: none of the {len(report.skipped)} recordings can be read; see {out / SKIPPED}"
        )
    return report


def _pack(job: _Job, plans: Sequence[ShardPlan], workers: int, check: bool, console: Console | None) -> PackReport:
    """Write the shards that are missing."""
    out = job.out
    for leftover in out.glob("shard-*.tar.partial"):
        leftover.unlink()
    for folder in (out / RECORDS).glob(f"{SCRATCH}*"):
        shutil.rmtree(folder)
    done = {plan.name: report for plan in plans if (report := finished(out, plan.name, check))}
    missing = [plan for plan in plans if plan.name not in done]
    reused, total = len(done), sum(plan.bytes for plan in missing)
    columns = (TextColumn("pack"), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=console is None) as progress:
        task = progress.add_task("pack", total=total)

        def told() -> None:
            progress.update(task, completed=min(job.done.value, total))

        for report in _run(job, missing, min(workers or os.cpu_count() or 1, len(missing)), told):
            done[report.name] = report
        progress.update(task, completed=total)
    return PackReport(out, tuple(done[plan.name] for plan in plans), reused)
