"""HowTo100M: its narrations and a folder of videos to a manifest, one row a video with all its timed captions.

python datasets/howto100m/prepare.py --annotations captions/ --videos DIR --out howto100m.jsonl

`--annotations` is a folder with `VIDEO.csv` (start,end,text), or `caption.json`, which takes tens of GB of memory.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from mmssl.data.annotated import Annotated
from mmssl.data.prepare import number, prepare, read_rows, read_text
from mmssl.errors import UsageError

Narration = list[tuple[float, float, str]]


def narrations(annotations: Path) -> Iterator[tuple[str, Narration]]:
    """Each video with what is said from when to when."""
    if annotations.is_dir():
        for path in sorted(annotations.glob("*.csv")):
            _, *rows = read_rows(path, [3])
            yield path.stem, [(number(s, path, "start"), number(e, path, "end"), text) for s, e, text in rows]
        return
    try:
        videos = json.loads(read_text(annotations))
        for video, said in videos.items():
            yield video, list(zip(said["start"], said["end"], said["text"], strict=True))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(
            f"{annotations}: not HowTo100M's caption.json ({error}); give that file or a folder"
        ) from error


def clips(annotations: Path, split: str) -> Iterator[Annotated]:
    """Captions without words or without length are left out."""
    for video, said in narrations(annotations):
        captions = [
            {"text": str(text), "language": "en", "start": start, "end": end}
            for start, end, text in said
            if str(text).strip() and 0 <= start < end
        ]
        yield Annotated(video, (video,), {"captions": captions})


if __name__ == "__main__":
    sys.exit(prepare(clips, __doc__))
