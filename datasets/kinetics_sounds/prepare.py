"""Kinetics-Sounds: a file of Kinetics-400 and a folder of videos to a manifest of the classes that can be heard.

python datasets/kinetics_sounds/prepare.py --annotations train.csv --videos DIR --out kinetics_sounds_train.csv
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from mmssl.data.annotated import Annotated, cut_of_video
from mmssl.data.prepare import number, prepare, read_rows

# The 31 of the paper's 34 classes whose names the released Kinetics-400 has; see README.md.
CLASSES = frozenset(
    """
    blowing nose/blowing out candles/bowling/chopping wood/dribbling basketball/laughing/mowing lawn/playing accordion/
    playing bagpipes/playing bass guitar/playing clarinet/playing drums/playing guitar/playing harmonica/
    playing keyboard/playing organ/playing piano/playing saxophone/playing trombone/playing trumpet/playing violin/
    playing xylophone/ripping paper/shoveling snow/shuffling cards/singing/stomping grapes/tap dancing/tapping guitar/
    tapping pen/tickling
    """.replace("\n", "")
    .replace("    ", "")
    .split("/")
)


def clips(annotations: Path, split: str) -> Iterator[Annotated]:
    """Rows such as `playing drums,0bLtpJ7CsSE,12,22,train,0`, after a header."""
    for label, video, begin, finish, part, *_ in read_rows(annotations, [5, 6]):
        if label in CLASSES and split in ("", part):
            start, end = (number(value, annotations, "time") for value in (begin, finish))
            yield cut_of_video(video, start, end, {"label": label, "split": part})


if __name__ == "__main__":
    sys.exit(prepare(clips, __doc__, splits=("train", "val", "test")))
