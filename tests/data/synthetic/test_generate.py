"""What is on disk: the same bytes whatever made them, resumable, splits apart."""

import hashlib
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mmssl.cli.app import app
from mmssl.data.sources import open_recordings
from mmssl.data.synthetic.captions import captions
from mmssl.data.synthetic.difficulty import Difficulty, actions, easy, hard, named
from mmssl.data.synthetic.generate import World, divide, parse_splits, synthesize
from mmssl.data.synthetic.motion.placing import ACTING
from mmssl.data.synthetic.truth import Truth, truth
from mmssl.data.synthetic.world import scene
from mmssl.errors import UsageError

SMALL = World(seed=5, seconds=1.0, pixels=32, fps=10)


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_equal_bytes_with_any_number_of_workers(tmp_path: Path) -> None:
    for workers in (1, 2):
        synthesize(tmp_path / str(workers), 10, world=SMALL, workers=workers, progress=False)
    one, two = files(tmp_path / "1"), files(tmp_path / "2")
    assert len(one) == 2 * 10 + 1
    assert one == two


def test_going_on_makes_only_what_is_missing(tmp_path: Path) -> None:
    shares = {"train": 3.0, "test": 1.0}
    assert synthesize(tmp_path, 4, world=SMALL, splits=shares, progress=False) == 4
    before = files(tmp_path)
    (tmp_path / "train" / "train-000001.json").unlink()  # as if killed between the two
    (tmp_path / "test" / "test-000000.mp4").unlink()
    assert synthesize(tmp_path, 4, world=SMALL, splits=shares, progress=False) == 2
    assert files(tmp_path) == before
    assert synthesize(tmp_path, 8, world=SMALL, splits=shares, progress=False) == 4
    assert before.items() <= files(tmp_path).items()


def test_clips_of_two_worlds_are_not_mixed(tmp_path: Path) -> None:
    synthesize(tmp_path, 1, world=SMALL, progress=False)
    with pytest.raises(UsageError, match=r"world\.json: difficulty is"):
        synthesize(tmp_path, 1, world=World(seed=5, seconds=1.0, pixels=32, fps=10, difficulty=hard()), progress=False)
    (tmp_path / "world.json").write_text("{")
    with pytest.raises(UsageError, match="damaged"):
        synthesize(tmp_path, 1, world=SMALL, progress=False)


def test_a_file_in_the_way_is_told_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "world").write_text("")
    with pytest.raises(UsageError, match="cannot be written"):
        synthesize(tmp_path / "world", 1, world=SMALL, progress=False)


def test_an_error_leaves_no_half_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: Path, *rest: object) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mmssl.data.synthetic.generate.write", fail)
    with pytest.raises(UsageError, match="No space left"):
        synthesize(tmp_path, 1, world=SMALL, splits={"train": 1}, progress=False)
    assert not list((tmp_path / "train").iterdir())


def test_no_scene_is_in_two_splits_or_twice() -> None:
    for difficulty in (Difficulty(), hard()):
        seen = [scene(0, split, n, difficulty).identity for split in ("train", "valid", "test") for n in range(150)]
        assert len(set(seen)) == len(seen)
    assert scene(0, "train", 7, Difficulty()) == scene(0, "train", 7, Difficulty())
    assert scene(1, "train", 7, Difficulty()).identity != scene(0, "train", 7, Difficulty()).identity


def test_shares() -> None:
    assert divide(1200, {"train": 1000, "test": 200}) == {"train": 1000, "test": 200}
    assert divide(7, {"a": 1, "b": 1, "c": 1}) == {"a": 3, "b": 2, "c": 2}
    assert sum(divide(101, {"train": 0.8, "valid": 0.1, "test": 0.1}).values()) == 101
    assert parse_splits("train=0.8, test=0.2") == {"train": 0.8, "test": 0.2}
    for wrong in ("train", "train=x", "../x=1", "=1"):
        with pytest.raises(UsageError, match="is not like"):
            parse_splits(wrong)
    with pytest.raises(UsageError, match="shares"):
        divide(3, {"train": 0})


def test_settings_out_of_range_are_refused() -> None:
    for wrong in ({"objects": (3, 2)}, {"offscreen": 1.5}, {"max_offset": -1.0}, {"noise": (0.0, -1.0)}):
        with pytest.raises(UsageError, match=next(iter(wrong))):
            Difficulty(**wrong)  # type: ignore[arg-type]
    for odd in ({"pixels": 33}, {"seconds": 0.0}, {"sample_rate": 8000}):
        with pytest.raises(UsageError, match=next(iter(odd))):
            World(**odd)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="easy, default, hard"):
        named("medium")


def test_worlds_stay_what_they_were() -> None:
    """Clips made long ago and those made today go together: what was added changes no byte of them."""
    digest = hashlib.sha256()
    for name in ("easy", "default", "hard"):
        for split, number in ((split, number) for split in ("train", "test") for number in range(12)):
            drawn = scene(0, split, number, named(name))
            said, moments = captions(drawn)
            known = truth(drawn, 64, 25, 16_000, moments).to_json()
            digest.update(json.dumps([said, known], sort_keys=True).encode())
        digest.update(json.dumps(World(difficulty=named(name)).to_json(), sort_keys=True).encode())
    assert digest.hexdigest() == "84d2a26807f98fe9cec8e6c20b8c10edc14e2ea44318e1eb215b55958ad5d495"


def test_a_world_of_actions(tmp_path: Path) -> None:
    world = World(seconds=1.0, pixels=32, fps=10, difficulty=actions())
    synthesize(tmp_path, 4, world=world, splits={"train": 1}, progress=False)
    recordings = open_recordings(str(tmp_path / "train"))
    for recording in (recordings[number] for number in range(4)):
        told = Truth.from_json(recording.extra["truth"])
        assert recording.label == told.action == told.objects[told.main].motion
        assert recording.label in ACTING
        assert told.objects[told.main].phase == sorted(told.objects[told.main].phase)


def test_difficulty_is_what_it_says() -> None:
    scenes = {name: [scene(0, "train", n, named(name)) for n in range(60)] for name in ("easy", "default", "hard")}
    shown = {name: [sum(thing.visible for thing in s.things) for s in all_] for name, all_ in scenes.items()}
    assert (set(shown["easy"]), set(shown["default"]), set(shown["hard"])) == ({1}, {1, 2, 3}, {2, 3, 4})
    assert max(sum(thing.sounding and thing.visible for thing in s.things) for s in scenes["hard"]) == 2
    assert all(sum(thing.sounding and thing.visible for thing in s.things) == 1 for s in scenes["default"])
    assert sum(any(not thing.visible for thing in s.things) for s in scenes["hard"]) in range(15, 46)
    assert not any(not thing.visible for s in scenes["easy"] for thing in s.things)
    noisy = [s.mix.noise for s in scenes["hard"]]
    assert -20 <= min(noisy) < max(noisy) <= -3
    assert easy().jitter < Difficulty().jitter < hard().jitter


def test_the_files_are_read_as_recordings(world_folder: Path) -> None:
    recordings = open_recordings(str(world_folder / "train"))
    assert len(recordings) == 8
    recording = recordings[0]
    truth = Truth.from_json(recording.extra["truth"])
    assert recording.label == truth.objects[truth.main].kind
    assert recording.group == "3-train-000000"
    assert [caption.language for caption in recording.captions[:6]] == ["en", "de", "fr", "es", "ru", "zh"]
    assert json.loads(json.dumps(truth.to_json())) == recording.extra["truth"]


def test_the_command(tmp_path: Path) -> None:
    options = ["--clips", "2", "--seconds", "1", "--pixels", "32", "--splits", "train=1", "--difficulty"]
    result = CliRunner().invoke(app, ["synthesize", str(tmp_path), *options, "easy"])
    assert result.exit_code == 0, result.output
    assert "2 clips made" in result.output
    assert len(list(tmp_path.glob("train/*.mp4"))) == 2
    assert CliRunner().invoke(app, ["synthesize", str(tmp_path), *options, "harder"]).exit_code == 2
