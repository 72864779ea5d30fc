"""Ground truth from both kinds of files."""

import json
from pathlib import Path

import pytest

from mmssl.data.recordings import Recording
from mmssl.errors import UsageError
from mmssl.evaluate.truth import BoxFile, Sounding, WorldTruth, checked


def test_box_file_knows_the_middle_frame(tmp_path: Path) -> None:
    file = tmp_path / "boxes.json"
    file.write_text(json.dumps([{"file": "a_000030", "class": "x", "bbox": [[0, 0.5, 0.25, 1.0]]}]))
    truth = BoxFile(str(file))
    assert truth(Recording("deep/a_000030", "mp4"), [1, 2, 3]) == [None, Sounding(((0, 0.5, 0.25, 1.0),)), None]
    assert truth(Recording("b", "mp4"), [1, 2]) == [None, None]


def test_boxes_without_area_are_left_out(tmp_path: Path) -> None:
    file = tmp_path / "boxes.json"
    flat = [0.2, 0.1, 0.2, 0.5]
    told = [{"file": "a", "bbox": [flat, [0, 0, 1, 1]]}, {"file": "b", "bbox": [flat]}, {"file": "c", "bbox": []}]
    file.write_text(json.dumps(told))
    found = [BoxFile(str(file))(Recording(name, "mp4"), [0.0])[0] for name in "abc"]
    assert found == [Sounding(((0, 0, 1, 1),)), None, Sounding(())]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not a JSON list"),
        ('[{"file": "a"}]', "'bbox'"),
        ('[{"file": "a", "bbox": [[0, 0, 2, 1]]}]', "a: .*no box"),
    ],
)
def test_broken_box_files(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "boxes.json"
    file.write_text(text)
    with pytest.raises(UsageError, match=message):
        BoxFile(str(file))(Recording("a", "mp4"), [0])
    with pytest.raises(UsageError, match=r"gone\.json: cannot read"):
        BoxFile(str(tmp_path / "gone.json"))(Recording("a", "mp4"), [0])


def test_a_box_is_clamped_by_rounding_alone() -> None:
    assert checked([0, -1e-9, 1 + 1e-9, 1], "here") == (0, 0, 1, 1)
    with pytest.raises(UsageError, match="here"):
        checked([0, 0, 1.5, 1], "here")


def test_unknown_recordings_of_the_world_truth() -> None:
    assert WorldTruth()(Recording("a", "mp4"), [0.0, 1.0]) == [None, None]


def test_the_synthetic_worlds_boxes() -> None:
    track = {
        "id": 0, "kind": "ball", "color": "red", "size": "big", "motion": "bounce", "sounding": True,
        "offscreen": False, "rgb": [255, 0, 0], "x": [0.5, 0.5], "y": [0.5, 0.5], "radius": [0.1, 0.1],
        "angle": [0, 0], "glow": [0, 0], "phase": [0, 0.5], "boxes": [[0.4, 0.4, 0.6, 0.6], [0.5, 0, 0.5, 0]],
        "events": [], "period": 1.0,
    }  # fmt: skip
    fields = {
        "seed": 0, "split": "test", "scene": 0, "identity": "", "fps": 2, "frame_times": [0.0, 0.5], "pixels": 64,
        "seconds": 1.0, "sample_rate": 8000, "main": 0, "action": "", "offset": 0.0, "linked": True, "noise": 0.0,
        "gain": 1.0, "objects": [track, {**track, "sounding": False}], "narration": [],
    }  # fmt: skip
    told = WorldTruth()(Recording("a", "mp4", extra={"truth": fields}), [0.25, 0.5])
    assert told == [Sounding(((0.4, 0.4, 0.6, 0.6),)), Sounding(())]
