"""The ledger of recordings that could not be read: which, why, and whether there are too many."""

import json
import logging
from collections import Counter
from contextlib import suppress
from pathlib import Path

from mmssl.errors import Fault, TrainingError, UsageError

_log = logging.getLogger(__name__)
_NAMED = 20  # of a fault in the log, where all are named elsewhere or nothing is broken
_LACKING = (Fault.NO_VIDEO, Fault.NO_AUDIO)  # a folder of sounds lacks pictures ten thousand times


class Skipped:
    """Counts unreadable recordings; each is named once, in `skipped.jsonl` or, where there is none, in the log.

    In the log stand only the first of what `skipped.jsonl` names, and of those that lack a modality.

    Args:
        folder: where `skipped.jsonl` is appended; None keeps the ledger in memory.
        limit: share of the clips tried, in (0, 1], above which work stops; 1 never stops.
        least: clips to have tried before the share is judged. Field data has 0.1 to 1 % bad files.

    Raises:
        UsageError: the limit is no share.
    """

    def __init__(self, folder: Path | None = None, limit: float = 0.05, least: int = 100) -> None:
        if not 0 < limit <= 1:
            raise UsageError(f"the limit of unreadable recordings is a share in (0, 1], not {limit}")
        self.file = None if folder is None else folder / "skipped.jsonl"
        self.limit, self.least = limit, least
        self.clips = self.failures = 0
        self.reasons: dict[str, tuple[Fault, str]] = {}
        self._named: Counter[Fault] = Counter()
        self._read = 0  # bytes of the file
        self._learn()

    def _learn(self) -> None:
        """What stands in the file: from before, or by another process of the run."""
        if self.file is None or not self.file.is_file():
            return
        with self.file.open("rb") as stream:
            stream.seek(self._read)
            lines = stream.read().splitlines(keepends=True)
        for line in lines:
            self._read += len(line)
            with suppress(ValueError, KeyError):  # a line that a kill or a full disk cut off
                entry = json.loads(line)
                self.reasons.setdefault(entry["key"], (Fault(entry["fault"]), entry["detail"]))

    def tried(self, clips: int) -> None:
        """Count clips that were asked for, readable or not."""
        self.clips += clips

    def record(self, key: str, fault: Fault, detail: str) -> None:
        """Count one that could not be read.

        Raises:
            TrainingError: more than the limit are bad.
        """
        self.failures += 1
        if key not in self.reasons:
            self._learn()
        if key not in self.reasons:
            self.reasons[key] = (fault, detail)
            self._named[fault] += 1
            each = self.file is None and fault not in _LACKING
            if each or self._named[fault] <= _NAMED:
                _log.warning("left out %s: %s (%s)", key, detail, fault.value)
            elif self._named[fault] == _NAMED + 1:
                told = "counted alone" if self.file is None else f"named in {self.file} alone"
                _log.warning("left out %s: %s (%s); further ones like it are %s", key, detail, fault.value, told)
            if self.file is not None:
                self._append({"key": key, "fault": fault.value, "detail": detail}, self.file)
        if self.clips >= self.least and self.failures > self.limit * self.clips:
            raise TrainingError(
                f"{self.failures} of {self.clips} clips could not be read, more than the limit of {self.limit:.1%}; "
                f"the last was {key}: {detail} ({fault.value}). Look at {self.file or 'the log'}, repair or remove them"
            )

    def _append(self, entry: dict[str, str], file: Path) -> None:
        line = json.dumps(entry, ensure_ascii=False) + "\n"
        try:
            # One write in append mode: lines of several processes do not mix.
            # A byte of a name that is not UTF-8 is written as the escape that JSON has for it.
            with file.open("a", encoding="utf-8", errors="backslashreplace") as stream:
                stream.write(line)
        except OSError as error:
            _log.warning("%s: cannot be written (%s); what is left out is named in the log alone", file, error.strerror)
            self.file = None

    def summary(self) -> list[str]:
        """Lines for the end of a run: a total, then each reason with its count and an example; empty if all is well."""
        self._learn()
        if not self.reasons:
            return []
        counts = Counter(fault for fault, _ in self.reasons.values())
        lines = [f"{len(self.reasons)} recordings could not be read"]
        for fault, count in counts.most_common():
            example = next(key for key, (reason, _) in self.reasons.items() if reason == fault)
            lines.append(f"{count:6d}  {fault.value:20s} such as {example}")
        return lines
