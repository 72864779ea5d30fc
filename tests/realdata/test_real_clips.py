"""The whole path on real clips, in small: train, evaluate, index, search, localize."""

import csv
import json
from pathlib import Path
from typing import Any
from wave import open as wave_file

import av
import numpy as np
import pytest
from PIL import Image

from mmssl.applications.indexing import build_index
from mmssl.applications.search import open_index
from mmssl.applications.sheet import contact_sheet
from mmssl.data.clips import Clips
from mmssl.data.decode.pyav import PyAVReader
from mmssl.data.loader import evaluation_batches
from mmssl.data.skipped import Skipped
from mmssl.evaluate.localization import Localization
from mmssl.evaluate.retrieval import Retrieval
from mmssl.evaluate.truth import BoxFile

pytestmark = pytest.mark.realdata

FROG, GRID, DRUM = "avsync15/frog_croaking.mp4", "grid/bbaf2n.mpg", "vas/page_drum.mp4"


def test_every_clip_is_read_or_named(all_clips: Path) -> None:
    opened = Clips(source=str(all_clips), seconds=1.0, frames=1, pixels=16).open()
    skipped = Skipped(limit=1.0)
    read = [key for batch in evaluation_batches(opened, 32, skipped=skipped) for key in batch.keys]
    assert len(opened) == 107
    assert len(read) == 106
    ((name, (fault, detail)),) = skipped.reasons.items()
    assert name.endswith("permissive/bento_dog.mp4")
    # Its sound ends half a second before its pictures do.
    assert fault.value == "too short"
    assert "0.53 s" in detail


def test_the_clips_are_learnt(trained: Any) -> None:
    with (trained.folder / "log.csv").open(newline="") as file:
        losses = [float(row["loss"]) for row in csv.DictReader(file) if row.get("loss")]
    assert losses[-1] < 0.3 * losses[0]
    numbers = Retrieval(clips=trained.model.run.data)(trained.model.objective)
    assert numbers["retrieval/left-out"] == 1
    for direction in ("video-audio", "audio-video"):
        assert numbers[f"retrieval/{direction}/gallery"] == 12
        assert numbers[f"retrieval/{direction}/R@1"] >= 0.9
    named = [json.loads(line) for line in (trained.folder / "skipped.jsonl").read_text().splitlines()]
    assert [Path(line["key"]).name for line in named] == ["bento_dog.mp4"]


def test_an_index_answers_words_sounds_and_pictures(trained: Any, realdata: Path, tmp_path: Path) -> None:
    model, place = trained.model, str(tmp_path / "index")
    report = build_index(model, str(trained.manifest), place, stride=0.5)
    # A recording that is shorter than a clip is still one window of an index.
    assert report.recordings == 13
    assert not report.skipped
    still, wave = tmp_path / "still.png", tmp_path / "second.wav"
    with PyAVReader().open(str(realdata / "av" / DRUM), "drum") as media:
        middle = media.info.duration / 2
        Image.fromarray(media.frames([middle]).pixels[0]).save(still)
        sound = media.sound(middle - 0.5, 16_000, 16_000)
    with wave_file(str(wave), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes((sound * 32_767).astype("<i2").tobytes())
    # The second that was learnt: a model of a dozen seconds knows nothing of the others.
    for question in ({"text": "drum"}, {"audio": wave}, {"image": still}):
        hits = model.search(place, **question, count=4)
        assert len(hits) == 4
        assert hits[0].recording.name.endswith("page_drum.mp4"), question
    contact_sheet(hits, "a still", tmp_path / "sheet.png", model.reader)
    pixels = np.asarray(Image.open(tmp_path / "sheet.png"))
    # The first answer's tile has a picture in it, not a flat gray.
    assert pixels[50:220, 15:245].std() > 10
    assert len(open_index(place)) == report.moments


@pytest.mark.parametrize(("name", "copied"), [(FROG, True), (GRID, False)])
def test_a_film_with_its_heat_map_keeps_its_sound(
    trained: Any, realdata: Path, tmp_path: Path, name: str, copied: bool
) -> None:
    film, out = realdata / "av" / name, tmp_path / "heat.mp4"
    found = trained.model.localize(film, out, stills=tmp_path)
    assert found.sound_copied == copied
    with PyAVReader().open(str(film), name) as before, PyAVReader().open(str(out), "heat") as after:
        old, new = before.info, after.info
    assert old.audio is not None
    assert new.audio is not None
    assert old.video is not None
    assert new.video is not None
    # 50 ms: two frames of AAC, when the sound was encoded again.
    assert abs(new.audio.duration - old.audio.duration) < 0.05
    assert abs(new.video.duration - old.video.duration) < 0.05
    assert abs((new.audio.start - new.video.start) - (old.audio.start - old.video.start)) < 0.025
    with av.open(str(film)) as container:
        assert len(found.track) == sum(1 for _ in container.decode(video=0))
    assert all(0 <= point.x <= 1 and 0 <= point.y <= 1 for point in found.track)
    for still in found.stills:
        picture = np.asarray(Image.open(still))
        assert picture.shape == (old.video.height, old.video.width, 3)
        assert picture.std() > 10


def test_boxes_of_vggss_are_found(trained: Any, all_clips: Path, realdata: Path) -> None:
    rows = all_clips.read_text(encoding="utf-8").splitlines()
    boxed = trained.manifest.with_name("boxed.csv")
    boxed.write_text("\n".join([rows[0], *(row for row in rows if "7tMPoaU2oL4" in row)]), encoding="utf-8")
    truth = BoxFile(str(realdata / "annotations" / "vggss" / "vggss.json"))
    numbers = Localization(clips=trained.model.run.data.of(str(boxed)), truth=truth)(trained.model.objective)
    assert numbers["localization/clips"] == 1
    # The crowd fills two thirds of the picture, so that any half of it has something in common with the box.
    assert 0 < numbers["localization/cIoU"] <= 1
