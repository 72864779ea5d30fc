"""What the ledger of unreadable recordings says in the log."""

from pathlib import Path

import pytest

from mmssl.data.skipped import Skipped
from mmssl.errors import Fault


def test_the_log_names_the_first_of_a_fault_and_the_file_all(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    ledger = Skipped(tmp_path, limit=1.0)
    for number in range(500):
        ledger.record(f"{number}.wav", Fault.NO_VIDEO, "it has no video")
    ledger.record("cut.mp4", Fault.CORRUPT, "ends early")
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 22
    assert told[20].endswith(f"further ones like it are named in {tmp_path / 'skipped.jsonl'} alone")
    assert "cut.mp4" in told[21]
    assert len((tmp_path / "skipped.jsonl").read_text().splitlines()) == len(ledger.reasons) == 501


def test_without_a_file_the_log_names_all_that_are_broken(caplog: pytest.LogCaptureFixture) -> None:
    ledger = Skipped(limit=1.0)
    for number in range(30):
        ledger.record(f"{number}.wav", Fault.NO_VIDEO, "it has no video")
        ledger.record(f"{number}.mp4", Fault.CORRUPT, "ends early")
    told = [record.getMessage() for record in caplog.records]
    assert sum(".mp4" in line for line in told) == 30
    assert [line.rpartition(" are ")[2] for line in told if "further" in line] == ["counted alone"]


def test_processes_name_a_recording_once_and_count_those_of_all(tmp_path: Path) -> None:
    first, second = Skipped(tmp_path, limit=1.0), Skipped(tmp_path, limit=1.0)
    first.record("a.mp4", Fault.TRUNCATED, "is cut")
    second.record("a.mp4", Fault.TRUNCATED, "is cut")
    second.record("b.mp4", Fault.TRUNCATED, "is cut")
    assert len((tmp_path / "skipped.jsonl").read_text().splitlines()) == 2
    assert first.summary()[0] == second.summary()[0] == "2 recordings could not be read"
