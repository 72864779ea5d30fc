"""The command line that all scripts `datasets/*/prepare.py` share."""

import argparse
import csv
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from mmssl.data.annotated import Annotated, Videos, write_manifest
from mmssl.data.text import decode
from mmssl.errors import MmsslError, UsageError

# The annotation file or folder, and the split that was asked for ("" for all), to clips.
Clips = Callable[[Path, str], Iterable[Annotated]]


def read_text(path: Path) -> str:
    """A UTF-8 file.

    Raises:
        UsageError: it cannot be read.
        MediaError: it is not UTF-8.
    """
    try:
        return decode(path.read_bytes(), str(path))
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror}); give the data set's annotations") from error


def read_rows(path: Path, fields: Sequence[int], delimiter: str = ",") -> Iterable[list[str]]:
    """The rows of a CSV, without blank lines and those that begin with `#`.

    Args:
        path: of the file.
        fields: how many of them a row may have.
        delimiter: between them.

    Raises:
        UsageError: a row with another number of fields, with its line.
    """
    reader = csv.reader(read_text(path).splitlines(), delimiter=delimiter, skipinitialspace=True)
    for row in reader:
        if not row or row[0].startswith("#"):
            continue
        if len(row) not in fields:
            wanted = " or ".join(map(str, fields))
            raise UsageError(
                f"{path}: line {reader.line_num} has {len(row)} fields, not {wanted}; is it the right file?"
            )
        yield row


def number(value: str, path: Path, field: str) -> float:
    """A number in a file.

    Raises:
        UsageError: it is none.
    """
    try:
        return float(value)
    except ValueError:
        raise UsageError(f"{path}: {field} {value!r} is no number; is it the right file?") from None


def prepare(clips: Clips, about: str | None, splits: Sequence[str] = (), words: Sequence[str] | None = None) -> int:
    """Run a script's command line.

    Args:
        clips: reads the annotations.
        about: the help text.
        splits: names of splits that may be asked for.
        words: of the command line; those of this process when None.

    Returns:
        The exit status.
    """
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--annotations", type=Path, required=True, help="the data set's own file or folder")
    parser.add_argument("--videos", type=Path, required=True, help="folder of the downloaded videos")
    parser.add_argument("--out", type=Path, required=True, help="manifest to write, .csv or .jsonl")
    if splits:
        parser.add_argument("--split", default="", choices=splits, help="one of the splits alone")
    asked = parser.parse_args(words)
    try:
        coverage = write_manifest(
            asked.out, clips(asked.annotations, getattr(asked, "split", "")), Videos(asked.videos)
        )
    except MmsslError as error:
        print(error, file=sys.stderr)
        return error.exit_status
    total = coverage.found + len(coverage.missing)
    print(f"{asked.out}: {coverage.found} of {total} annotated clips have a file ({coverage.share:.1%})")
    if coverage.missing:
        print(f"the others are named in {asked.out}.missing.txt; say so beside every number that you report")
    return 0
