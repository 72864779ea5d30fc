"""What can go wrong, how often it was tried and how often the promise was held: a table of the tests marked so.

python -m benchmarks.faults --out benchmarks/results/faults          everything that is not slow
python -m benchmarks.faults --slow -- -n 2 tests/data                with what pytest shall be told after two dashes

A test names what it is about by `@pytest.mark.fault("M8")` (`tests/faults/list.toml` says what must happen) and counts
as one case, or as many as it records by `record_property("cases", 20)`.
"""

import argparse
import sys
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks.machine import setting
from benchmarks.tables import Row, markdown, write

LIST = Path(__file__).parent.parent / "tests" / "faults" / "list.toml"


class Collector:
    """A plug-in of pytest that counts cases by fault, and tests that name them."""

    def __init__(self) -> None:
        self.counts: dict[str, Counter[str]] = {}
        self.files: dict[str, set[str]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Called with each phase of a test; one that fails or skips while it is set up has no call."""
        if report.when != "call" and report.passed:
            return
        told = [value for name, value in report.user_properties if name == "cases"]
        cases = int(str(told[-1])) if told else 1
        outcome = "known limit" if hasattr(report, "wasxfail") else report.outcome
        for name, fault in report.user_properties:
            if name == "fault":
                self.counts.setdefault(str(fault), Counter())[outcome] += cases
                self.files.setdefault(str(fault), set()).add(report.nodeid.partition("::")[0])

    def rows(self, entries: dict[str, Any]) -> list[Row]:
        """One a fault, in the list's order."""
        table: list[Row] = []
        for name, entry in entries.items():
            count = self.counts.get(name, Counter())
            table.append(
                {
                    "id": name,
                    "what": entry["what"],
                    "expected": entry["expected"],
                    "tried": count.total() - count["skipped"],
                    "passed": count["passed"],
                    "known limits of other decoders": count["known limit"],
                    "failed": count["failed"],
                    "skipped": count["skipped"],
                    "tests": ", ".join(sorted(path.removeprefix("tests/") for path in self.files.get(name, ()))),
                }
            )
        return table


def main() -> int:
    """The command line; pytest's exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/faults"))
    parser.add_argument("--slow", action="store_true", help="also what takes minutes")
    parser.add_argument("pytest", nargs="*", help="for pytest, after two dashes")
    asked = parser.parse_args()
    collector = Collector()
    status = pytest.main(["-m", "fault" if asked.slow else "fault and not slow", *asked.pytest], plugins=[collector])
    rows = collector.rows(tomllib.loads(LIST.read_text(encoding="utf-8")))
    tried, passed = (sum(int(str(row[column])) for row in rows) for column in ("tried", "passed"))
    facts = setting(torch.device("cpu"), "av", "decord", "torchcodec") | {"tried": tried, "passed": passed}
    write(asked.out, facts, rows)
    print(markdown(rows))
    print(
        f"{passed} of {tried} cases passed; {sum(not row['tried'] for row in rows)} of {len(rows)} faults without one"
    )
    return int(status)


if __name__ == "__main__":
    sys.exit(main())
