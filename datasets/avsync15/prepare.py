"""AVSync15: a list of its videos and their folder to a manifest, for synchronization.

python datasets/avsync15/prepare.py --annotations train.txt --videos AVSync15/videos --out avsync15_train.csv
"""

import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from mmssl.data.annotated import Annotated
from mmssl.data.prepare import prepare, read_text


def clips(annotations: Path, split: str) -> Iterator[Annotated]:
    """Lines such as `baby_babbling_crying/0bLtpJ7CsSE_000012.mp4`; the folder is the class."""
    for line in read_text(annotations).splitlines():
        if line.strip():
            path = PurePosixPath(line.strip())
            name = str(path.with_suffix(""))
            yield Annotated(name, (name, path.stem), {"label": path.parent.name.replace("_", " ")})


if __name__ == "__main__":
    sys.exit(prepare(clips, __doc__))
