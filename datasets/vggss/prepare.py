"""VGG-SS: `vggss.json` and a folder of VGGSound's videos to a manifest; the boxes go along as `bbox`.

python datasets/vggss/prepare.py --annotations vggss.json --videos DIR --out vggss.jsonl

`mmssl.evaluate.truth.BoxFile("vggss.json")` finds its boxes by the keys of this manifest.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from mmssl.data.annotated import Annotated, cut_of_video
from mmssl.data.prepare import prepare, read_text
from mmssl.errors import UsageError

SECONDS = 10.0  # of a clip


def clips(annotations: Path, split: str) -> Iterator[Annotated]:
    """`[{"file": "zpWuikVorYg_000032", "class": "elk bugling", "bbox": [[left, top, right, bottom]]}]`."""
    try:
        for shown in json.loads(read_text(annotations)):
            video, _, second = shown["file"].rpartition("_")
            fields = {"label": shown["class"], "bbox": shown["bbox"]}
            yield replace(cut_of_video(video, float(second), float(second) + SECONDS, fields), key=shown["file"])
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{annotations}: not VGG-SS's vggss.json ({error!r}); give that file") from error


if __name__ == "__main__":
    sys.exit(prepare(clips, __doc__))
