"""Two passes over a corpus: what it is like as a whole, then what of it is good enough."""

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mmssl.data.corpus.kept import KeptRecordings
from mmssl.data.corpus.rules import CaptionRule, Crowded, Elongated, Length, Rare, RecordingRule, Shared, Small
from mmssl.data.corpus.statistics import Statistics, statistics
from mmssl.data.decode.pyav import PyAVReader
from mmssl.data.decode.reader import MediaInfo
from mmssl.data.keyed import Keyed
from mmssl.data.outage import Outage
from mmssl.data.recordings import Recording
from mmssl.errors import MediaError

NOTHING_SAID = "no caption left"
_EXAMPLES = 5  # of each reason, in the report


@dataclass(frozen=True, kw_only=True)
class Filter:
    """ALIGN's rules with its numbers; each caption or recording is counted for the first that rejects it.

    Attributes:
        captions: rules for each caption.
        recordings: rules for what has captions left; they need each file's header to be read. Empty: none is opened.
        most_shared: recordings that may share a caption, for `Shared`.
        n_grams_kept: most frequent uni- and bigrams of the corpus, for `Rare`.
    """

    captions: Sequence[CaptionRule] = (Length(), Shared(), Rare())
    recordings: Sequence[RecordingRule] = (Crowded(), Small(), Elongated())
    most_shared: int = 10
    n_grams_kept: int = 100_000_000


@dataclass
class FilterReport:
    """What became of a corpus.

    Attributes:
        recordings: there were.
        captions: there were.
        rejected_captions: by the rule's name.
        rejected_recordings: likewise; also those without a caption left, and those that cannot be read by their fault.
        examples: some captions or keys of each reason.
    """

    recordings: int = 0
    captions: int = 0
    kept_captions: int = 0
    kept_recordings: int = 0
    rejected_captions: Counter[str] = field(default_factory=Counter)
    rejected_recordings: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)

    def note(self, counts: Counter[str], reason: str, example: str) -> None:
        """One more was rejected."""
        counts[reason] += 1
        if len(shown := self.examples.setdefault(reason, [])) < _EXAMPLES:
            shown.append(example)


def filtered(
    recordings: Keyed, rules: Filter, watch: Callable[[float], None] = lambda share: None
) -> tuple[KeptRecordings, FilterReport]:
    """Filter a corpus.

    Args:
        recordings: all of them; a caption takes about 20 bytes of disk a word meanwhile, a kept one 100 of memory.
        rules: what to reject.
        watch: told the share of the work that is done.

    Returns:
        What is kept, and counts of the rest.

    Raises:
        MediaError: NETWORK; the storage does not answer at all.
    """
    report, outage = FilterReport(), Outage()
    with tempfile.TemporaryDirectory() as folder:
        read = (found for _, found in _watched(recordings, watch, 0) if isinstance(found, Recording))
        corpus = statistics(read, Path(folder), rules.most_shared, rules.n_grams_kept)
    kept: dict[int, tuple[int, ...]] = {}
    for number, recording in _watched(recordings, watch, 1):
        report.recordings += 1
        if isinstance(recording, MediaError):
            report.note(report.rejected_recordings, f"unreadable: {recording.fault.value}", recording.name)
            continue
        good = _good(recording, rules, corpus, report)
        reason = _reason(recordings, number, recording, rules, outage) if good else NOTHING_SAID
        if reason:
            report.note(report.rejected_recordings, reason, recording.key)
            continue
        kept[number] = good
        report.kept_captions += len(good)
    report.kept_recordings = len(kept)
    return KeptRecordings(recordings, kept), report


def _watched(
    recordings: Keyed, watch: Callable[[float], None], before: int
) -> Iterator[tuple[int, Recording | MediaError]]:
    """All with their numbers, in one of two passes; an error for one whose description cannot be read."""
    outage = Outage()
    for number in range(len(recordings)):
        found: Recording | MediaError
        try:
            found = recordings[number]
        except MediaError as error:
            found = error
        outage.look(found if isinstance(found, MediaError) else None)
        yield number, found
        watch((before + (number + 1) / len(recordings)) / 2)


def _good(recording: Recording, rules: Filter, corpus: Statistics, report: FilterReport) -> tuple[int, ...]:
    """Numbers of the captions that no rule rejects."""
    good = []
    for number, caption in enumerate(recording.captions):
        report.captions += 1
        reason = next((rule.name for rule in rules.captions if rule.rejects(caption.text, corpus)), None)
        if reason is None:
            good.append(number)
        else:
            report.note(report.rejected_captions, reason, caption.text[:200])
    return tuple(good)


def _reason(recordings: Keyed, number: int, recording: Recording, rules: Filter, outage: Outage) -> str:
    """Why a recording is left out, "" if it is not."""
    if not rules.recordings:
        return ""
    try:
        info = _header(recordings, number, recording)
    except MediaError as error:
        outage.look(error)
        return f"unreadable: {error.fault.value}"
    outage.look(None)
    return next((rule.name for rule in rules.recordings if rule.rejects(recording, info)), "")


def _header(recordings: Keyed, number: int, recording: Recording) -> MediaInfo:
    source = recordings.source(number)
    try:
        with PyAVReader(tables=False).open(source, recording.key) as media:
            return media.info
    finally:
        if not isinstance(source, str):
            source.close()
