"""VGGSound: `vggsound.csv` (video, start second, label, split) and a folder of videos to a manifest.

python datasets/vggsound/prepare.py --annotations vggsound.csv --videos DIR --split train --out vggsound_train.csv
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from mmssl.data.annotated import Annotated, cut_of_video
from mmssl.data.prepare import number, prepare, read_rows

SECONDS = 10.0  # of a clip


def clips(annotations: Path, split: str) -> Iterator[Annotated]:
    """Rows such as `---g-f_I2yQ,1,people marching,test`."""
    for video, begin, label, part in read_rows(annotations, [4]):
        if split in ("", part):
            start = number(begin, annotations, "start")
            yield cut_of_video(video, start, start + SECONDS, {"label": label, "split": part})


if __name__ == "__main__":
    sys.exit(prepare(clips, __doc__, splits=("train", "test")))
