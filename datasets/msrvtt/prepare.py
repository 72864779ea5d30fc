"""MSR-VTT: its annotations and a folder of videos to a manifest, one row a video with its captions.

python datasets/msrvtt/prepare.py --annotations train_val_videodatainfo.json --videos DIR --out msrvtt.jsonl
python datasets/msrvtt/prepare.py --annotations msrvtt_test_1k.csv --videos DIR --out msrvtt_1k.jsonl

The second file is the test set of 1,000 videos with one caption each (1k-A) on which most papers report.
"""

import json
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from mmssl.data.annotated import Annotated
from mmssl.data.prepare import prepare, read_rows, read_text
from mmssl.errors import UsageError


def clips(annotations: Path, split: str) -> Iterator[Annotated]:
    """From either file."""
    return test_1k(annotations) if annotations.suffix == ".csv" else official(annotations, split)


def test_1k(annotations: Path) -> Iterator[Annotated]:
    """Rows such as `ret0,msr9770,video9770,a person is connecting something to system`, after a header."""
    _, *rows = read_rows(annotations, [4])
    for _, _, video, sentence in rows:
        yield Annotated(video, (video,), {"captions": [sentence], "language": "en", "split": "test"})


def official(annotations: Path, split: str) -> Iterator[Annotated]:
    """`{"videos": [{"video_id", "category", "split", "url"}], "sentences": [{"video_id", "caption"}]}`."""
    said: defaultdict[str, list[str]] = defaultdict(list)
    try:
        content = json.loads(read_text(annotations))
        for sentence in content["sentences"]:
            said[sentence["video_id"]].append(sentence["caption"])
        for video in content["videos"]:
            name, part = video["video_id"], video["split"]
            if split in ("", part):
                # Several of its videos are cut from one video on the web.
                fields = {"captions": said[name], "language": "en", "split": part, "group": video["url"]}
                yield Annotated(name, (name,), {**fields, "label": str(video["category"])})
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{annotations}: not MSR-VTT's videodatainfo.json ({error!r}); give that file") from error


if __name__ == "__main__":
    sys.exit(prepare(clips, __doc__, splits=("train", "validate", "test")))
