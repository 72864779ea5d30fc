"""Damaged recordings through every door: read, or named, never a crash, a hang or another exception.

Few here; thousands by `python -m benchmarks.fuzz`.
"""

import resource
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.fuzz import cases, corpus
from benchmarks.leak import leak
from benchmarks.mutations import MUTATIONS, mutated

SEED, COUNT = 20_261_125, 48


@pytest.mark.fault("M6", "M9", "M24")
def test_damaged_recordings_are_read_or_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, object], None]
) -> None:
    record_property("cases", COUNT)
    monkeypatch.setenv("MMSSL_CACHE", str(tmp_path / "cache"))
    files = corpus(tmp_path)
    found = list(cases(list(files), list(files.values()), SEED, range(COUNT)))
    assert [case.number for case in found] == list(range(COUNT))
    assert not [case for case in found if case.outcome in ("bug", "crash", "hang")]
    assert {case.mutation for case in found} == set(MUTATIONS)
    outcomes = Counter(case.outcome for case in found)
    assert min(outcomes[name] for name in ("read", "partly", "refused")) > 3
    # The children are forks, so what this process has held at most is in theirs.
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    assert max(case.rss for case in found) < before + 1e9


def test_a_child_that_dies_or_hangs_is_told_and_the_rest_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os
    import time

    from benchmarks import fuzz

    def trying(path: Path, model: object) -> tuple[str, tuple[str, ...]]:
        if path.name.startswith("case2."):
            os._exit(7)
        if path.name.startswith("case4."):
            time.sleep(60)
        return "read", ()

    monkeypatch.setattr(fuzz, "tried", trying)
    monkeypatch.setattr(fuzz, "PATIENCE", 0.3)
    monkeypatch.setenv("MMSSL_CACHE", str(tmp_path))
    found = list(cases(["mkv"], [bytes(100)], 0, range(7)))
    assert [case.outcome for case in found] == ["read", "read", "crash", "read", "hang", "read", "read"]
    assert found[2].faults == ("exit 7",)


def test_mutations_are_functions_of_their_seed() -> None:
    contents = [bytes(range(256)) * 8, b"another file" * 50]
    made = [mutated(contents, 5, case) for case in range(60)]
    assert made == [mutated(contents, 5, case) for case in range(60)]
    assert made != [mutated(contents, 6, case) for case in range(60)]
    assert {name for _, name, _ in made} == set(MUTATIONS)
    assert sum(content != contents[number] for number, _, content in made) > 55


@pytest.mark.fault("M25")
def test_opening_many_clips_keeps_no_memory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """The 10,000 of `python -m benchmarks.leak` in small: decord keeps 0.7 MB a clip."""
    record_property("cases", 300)
    monkeypatch.setenv("MMSSL_CACHE", str(tmp_path))
    rows = leak(300)
    resident = [float(str(row["resident MB"])) for row in rows]
    assert max(resident[3:]) - resident[2] < 20
