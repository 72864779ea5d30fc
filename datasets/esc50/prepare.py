"""ESC-50 and ESC-10: `meta/esc50.csv` and the folder of sounds to a manifest with label, fold and origin.

python datasets/esc50/prepare.py --annotations ESC-50/meta/esc50.csv --videos ESC-50/audio --out esc50.csv
"""

import csv
import sys
from collections.abc import Iterator
from pathlib import Path

from mmssl.data.annotated import Annotated
from mmssl.data.prepare import prepare, read_text
from mmssl.errors import UsageError


def clips(annotations: Path, split: str) -> Iterator[Annotated]:
    """Columns `filename`, `fold`, `category`, `esc10` and `src_file`; takes of one source are one group."""
    for row in csv.DictReader(read_text(annotations).splitlines()):
        if missing := {"filename", "fold", "category", "esc10", "src_file"} - set(row):
            raise UsageError(f"{annotations}: has no column {', '.join(sorted(missing))}; give meta/esc50.csv")
        if split != "esc10" or row["esc10"] == "True":
            stem = Path(row["filename"]).stem
            fields = {"label": row["category"].replace("_", " "), "fold": row["fold"], "group": row["src_file"]}
            yield Annotated(stem, (stem,), fields)


if __name__ == "__main__":
    sys.exit(prepare(clips, __doc__, splits=("esc10",)))
