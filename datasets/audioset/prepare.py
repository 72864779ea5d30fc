"""AudioSet: a file of segments and a folder of videos to a manifest.

python datasets/audioset/prepare.py --annotations balanced_train_segments.csv --videos DIR --out audioset.csv

Labels get their names from `class_labels_indices.csv` beside the segments, or stay what they are without it.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from mmssl.data.annotated import Annotated, cut_of_video
from mmssl.data.prepare import number, prepare, read_rows


def names(annotations: Path) -> dict[str, str]:
    """Class to its name in English."""
    table = annotations.with_name("class_labels_indices.csv")
    return {row[1]: row[2] for row in read_rows(table, [3])} if table.is_file() else {}


def clips(annotations: Path, split: str) -> Iterator[Annotated]:
    """Rows such as `--PJHxphWEs, 30.000, 40.000, "/m/09x0r,/t/dd00088"`, after comments."""
    name = names(annotations)
    for video, begin, finish, classes in read_rows(annotations, [4]):
        labels = [name.get(label, label) for label in classes.split(",")]
        start, end = (number(value, annotations, "time") for value in (begin, finish))
        yield cut_of_video(video, start, end, {"label": labels[0], "labels": labels})


if __name__ == "__main__":
    sys.exit(prepare(clips, __doc__))
