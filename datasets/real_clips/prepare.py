"""The folder of real clips that tests use, or any folder with such a `MANIFEST.csv`, to a manifest.

python datasets/real_clips/prepare.py --annotations realdata/MANIFEST.csv --videos realdata/av --out clips.csv
"""

import csv
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from mmssl.data.annotated import Annotated
from mmssl.data.prepare import prepare, read_text
from mmssl.errors import UsageError


def clips(annotations: Path, split: str) -> Iterator[Annotated]:
    """Columns `file`, `kind`, `label` and `caption`; rows of kind `av` are films with sound, the others are left out.

    The caption of a film without one is its label, less the remark in brackets that says who wrote it.
    """
    for row in csv.DictReader(read_text(annotations).splitlines()):
        if missing := {"file", "kind", "label", "caption"} - set(row):
            raise UsageError(f"{annotations}: has no column {', '.join(sorted(missing))}; give such a MANIFEST.csv")
        if row["kind"] == "av":
            path = PurePosixPath(row["file"]).with_suffix("")
            label = row["label"].replace(" (seen)", "").replace(" (from the page)", "")
            fields = {"captions": row["caption"] or label, "language": "en", "label": label}
            yield Annotated("/".join(path.parts[-2:]), (str(path), "/".join(path.parts[1:])), fields)


if __name__ == "__main__":
    sys.exit(prepare(clips, __doc__))
