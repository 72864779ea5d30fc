"""Rows of an answer as a file for a spreadsheet or another program."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from mmssl.data.atomic import write_atomically


def save_table(rows: Sequence[Mapping[str, object]], path: Path) -> None:
    """As CSV, with a column for each field of any row, or as JSON where the name ends so.

    Raises:
        OSError: it cannot be written.
    """
    if path.suffix == ".json":
        write_atomically(path, json.dumps(rows, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
        return
    text = io.StringIO()
    writer = csv.DictWriter(text, list(dict.fromkeys(field for row in rows for field in row)), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_atomically(path, text.getvalue())
