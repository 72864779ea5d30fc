"""What became of a pack, told to the caller and in the files beside its shards."""

import json
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mmssl.data.atomic import write_atomically
from mmssl.data.decode.pyav import PyAVReader
from mmssl.data.reencode_profiles import Profile
from mmssl.data.shard_writer import ShardReport, Skip

SUMMARY = "pack.json"
SKIPPED = "skipped.jsonl"


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
    def kept(self) -> int:
        """Recordings that a re-encoding left as they are; the `.json` of each says why."""
        return sum(shard.kept for shard in self.shards)

    @property
    def faults(self) -> Counter[str]:
        """How many were left out for each reason."""
        return Counter(skip.fault for skip in self.skipped)


def summarize(report: PackReport, source: str, reencode: Profile | None) -> None:
    """Write `pack.json` and `skipped.jsonl`."""
    skipped = "".join(json.dumps(asdict(skip), ensure_ascii=False) + "\n" for skip in report.skipped)
    write_atomically(report.folder / SKIPPED, skipped.encode("utf-8", "backslashreplace"))
    told: dict[str, Any] = {
        "source": source,
        "samples": report.samples,
        "bytes": report.bytes,
        "skipped": dict(sorted(report.faults.items())),
        "shards": [{k: v for k, v in asdict(shard).items() if k != "skipped"} for shard in report.shards],
    }
    if reencode is not None:
        told["reencode"] = {**reencode.told(), "kept": report.kept, "versions": PyAVReader().versions()}
    write_atomically(report.folder / SUMMARY, json.dumps(told, indent=1).encode())
