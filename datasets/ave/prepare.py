"""AVE: a file of annotations and a folder of videos to a manifest; the events keep their seconds.

python datasets/ave/prepare.py --annotations trainSet.txt --videos AVE --out ave_train.jsonl
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmssl.data.annotated import Annotated
from mmssl.data.prepare import number, prepare, read_rows


def clips(annotations: Path, split: str) -> Iterator[Annotated]:
    """Rows such as `Church bell&RUhOCu3LNXM&good&0&10`, maybe after a header; some videos have several."""
    events: dict[str, list[dict[str, Any]]] = {}
    for label, video, _, begin, finish in read_rows(annotations, [5], delimiter="&"):
        if video != "VideoID":
            start, end = (number(value, annotations, "time") for value in (begin, finish))
            events.setdefault(video, []).append({"label": label, "start": start, "end": end})
    for video, found in events.items():
        yield Annotated(video, (video,), {"label": found[0]["label"], "events": found})


if __name__ == "__main__":
    sys.exit(prepare(clips, __doc__))
