"""The commands `evaluate` and `localize` from end to end, with a tiny model on a few films."""

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from rich.console import Console
from typer.testing import CliRunner

from mmssl.applications import model as model_module
from mmssl.applications.calibration import read_calibration
from mmssl.applications.measure import measure
from mmssl.applications.model import Model
from mmssl.applications.plots import save_plots
from mmssl.cli.app import app
from mmssl.cli.tables import show
from mmssl.errors import EvaluationError, UsageError
from mmssl.evaluate.table import rows, shown

Film = Callable[..., Path]
COUNT = 6


@pytest.fixture(scope="module")
def films(make_film: Film, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Films with captions in two languages and a label, and a file of boxes beside the folder."""
    folder = tmp_path_factory.mktemp("set") / "films"
    folder.mkdir()
    for number in range(COUNT):
        make_film(seconds=1.2, height=32 + 2 * number, width=64).rename(folder / f"film{number}.mp4")
        told = {"captions": [{"text": "red ball", "language": "en"}, {"text": "rot", "language": "de"}]}
        (folder / f"film{number}.json").write_text(json.dumps({**told, "label": "ab"[number % 2]}))
    boxes = [{"file": f"film{number}", "bbox": [[0.3, 0.2, 0.7, 0.8]]} for number in range(COUNT)]
    (folder.parent / "boxes.json").write_text(json.dumps(boxes))
    return folder


def test_all_evaluations(tiny_model: Model, films: Path) -> None:
    shares: list[float] = []
    measured = measure(
        tiny_model, str(films), boxes=str(films.parent / "boxes.json"), batch_size=8, watch=shares.append
    )
    assert shares == sorted(shares)
    assert shares[-1] == 1
    numbers = measured.numbers
    assert numbers["retrieval/audio-video/gallery"] == COUNT
    # All have the same captions, so any answer is right.
    for name in ("text-video/R@1", "text.de-video/R@1/chance", "video-text/R@1"):
        assert numbers[f"retrieval/{name}"] == 1
    assert "retrieval/audio-video/nDCG@30" in numbers
    assert numbers["correspondence/clips"] == COUNT
    assert numbers["localization/frames"] == COUNT
    assert not measured.left_out


def test_what_is_left_out_says_why(tiny_model: Model, films: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "--boxes" in measure(tiny_model, str(films)).left_out["localization"]
    monkeypatch.setattr(tiny_model.objective, "comparable", False, raising=False)
    measured = measure(tiny_model, str(films))
    assert "one space" in measured.left_out["retrieval"]
    assert not any(name.startswith("retrieval") for name in measured.numbers)
    with pytest.raises(UsageError):
        measure(tiny_model, str(films / "nowhere"))


def test_captions_of_one_language(tiny_model: Model, films: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_module, "load", lambda run, device: tiny_model)
    line = ["evaluate", "run", "--data", str(films), "--workers", "0", "--language", "de", "--json"]
    told = json.loads(CliRunner().invoke(app, line).stdout)
    assert told["language"] == "de"
    assert not any("text." in name for name in told["numbers"])


def test_what_the_data_are_too_little_for_is_left_out(
    tiny_model: Model, films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One film: something to retrieve, nothing to mistake it for; and boxes of other films."""
    boxes = tmp_path / "boxes.json"
    boxes.write_text('[{"file": "another", "bbox": [[0.3, 0.2, 0.7, 0.8]]}]')
    measured = measure(tiny_model, str(films), boxes=str(boxes), limit=1)
    assert measured.numbers["retrieval/audio-video/gallery"] == 1
    assert measured.left_out["correspondence"].startswith("too few groups")
    assert "a file of boxes that names them" in measured.left_out["localization"]
    monkeypatch.setattr(model_module, "load", lambda run, device: tiny_model)
    monkeypatch.setattr(tiny_model.objective, "comparable", False, raising=False)
    monkeypatch.setattr(type(tiny_model.objective), "pair_scores", lambda *_: torch.zeros(1, 1))
    line = ["evaluate", str(tmp_path), "--data", str(films), "--limit", "1", "--workers", "0"]
    told = CliRunner().invoke(app, [*line, "--numbers", str(tmp_path / "n.json")])
    assert told.exit_code == 7
    assert "no correspondence: too few groups" in told.stdout
    assert "nothing could be measured" in told.stderr
    assert json.loads((tmp_path / "n.json").read_text())["numbers"] == {}


def test_a_broken_model_is_not_left_out(tiny_model: Model, films: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    embed = tiny_model.objective.embed
    broken = {"text": torch.nan, "video": 1.0, "audio": 1.0}
    told = lambda batch: {name: rows * broken[name] for name, rows in embed(batch).items()}  # noqa: E731
    monkeypatch.setattr(tiny_model.objective, "embed", told)
    with pytest.raises(EvaluationError, match="text: 6 of 6 embeddings hold NaN"):
        measure(tiny_model, str(films))


def test_plots_of_what_there_is(tiny_model: Model, films: Path, tmp_path: Path) -> None:
    (tmp_path / "heat.png").touch()  # of an earlier time
    measured = measure(tiny_model, str(films), limit=1)
    assert [path.name for path in save_plots(tiny_model, measured, tmp_path)] == ["recall.png", "similarity.png"]
    assert not (tmp_path / "heat.png").exists()
    for vectors in measured.held.vectors.values():  # type: ignore[union-attr]
        vectors.valid.fill_(False)
    assert save_plots(tiny_model, measured, tmp_path) == []


def test_commands(tiny_model: Model, films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_module, "load", lambda run, device: tiny_model)
    options = ["--numbers", str(tmp_path / "n.json"), "--plots", str(tmp_path / "plots"), "--workers", "0"]
    boxes = ["--boxes", str(films.parent / "boxes.json")]
    for line in ([], [str(films), "--data", str(films)]):  # none, and both
        told = CliRunner().invoke(app, ["evaluate", str(tmp_path), *line])
        assert "mmssl evaluate RUN DATA" in told.output
    told = CliRunner().invoke(app, ["evaluate", str(tmp_path), str(films), *boxes, *options])
    assert told.exit_code == 0, told.output
    assert "audio" in told.output, told.output
    assert json.loads((tmp_path / "n.json").read_text())["numbers"]["retrieval/left-out"] == 0
    assert sorted(path.name for path in (tmp_path / "plots").iterdir()) == ["heat.png", "recall.png", "similarity.png"]
    kept = read_calibration(tmp_path)
    assert kept is not None
    assert f"measured on {COUNT} recordings of {films}" in kept.origin
    out = tmp_path / "out.mp4"
    told = CliRunner().invoke(app, ["localize", str(tmp_path), str(films / "film0.mp4"), "--out", str(out)])
    assert told.exit_code == 0, told.output
    assert "sound as it was" in told.output
    assert out.is_file()
    assert out.with_suffix(".json").is_file()
    assert len(list((tmp_path / "out-stills").iterdir())) == 4


def test_tables() -> None:
    numbers = {
        "retrieval/recordings": 210.0, "retrieval/left-out": 1.0,
        "retrieval/audio-video/R@10": 0.5, "retrieval/audio-video/R@10/low": 0.4,
        "retrieval/audio-video/R@10/high": 0.6, "retrieval/audio-video/R@10/chance": 0.05,
        "retrieval/audio-video/gallery": 200.0, "retrieval/audio-video/coverage": 200 / 210,
        "retrieval/audio-video/tied": 0.05, "retrieval/text.de-video/R@10": 0.3,
        "retrieval/text.de-video/R@10/chance": 0.05, "retrieval/text.de-video/gallery": 200.0,
        "retrieval/text.de-video/tied": 0.0,
        "retrieval/text.average_but_en-video/R@10": 0.3, "retrieval/text.average_but_en-video/R@10/low": 0.21,
        "retrieval/text.average_but_en-video/R@10/high": 0.37, "retrieval/text.average_but_en-video/gallery": 200.0,
        "retrieval/text.average_but_en-video/tied": 0.0, "retrieval/video-text/gallery": 0.0,
        "retrieval/captions-video/R@1": 0.25, "retrieval/captions-video/R@10": 0.75,
        "retrieval/captions-video/MedR": 100.5, "retrieval/captions-video/queries": 59800.0,
        "retrieval/captions-video/gallery": 2990.0, "retrieval/captions-video/coverage": 1.0,
        "retrieval/captions-video/tied": 0.0,
        "correspondence/accuracy": 0.9,
        "localization/pointing": 0.8, "localization/center/pointing": 0.3, "localization/frames": 9.0,
        "localization/clips": 3.0, "localization/coverage": 0.5, "localization/moving/cIoU@fixed": 0.2,
        "localization/universal/max/pIA": 0.01,
    }  # fmt: skip
    console = Console(width=80, record=True)
    show(numbers, console)
    text = console.export_text()
    for part in (
        "0.40-0.60",
        "(0.05)",
        "\n200, 95%",
        "de",
        "average but en",
        "0.21-0.37",
        "0.900",
        "center",
        "universal/max/pIA",
        "210 recordings",
        "3 recordings, 50%",
        "5.0%",
        "59800 in 2990, 100%",
        "no recording has both sides of video-text",
    ):
        assert part in text
    assert max(len(line) for line in text.splitlines()) <= 80
    first = rows({"a": 1.0, "a/low": 0.5, "a/high": 2.0, "a/chance": 0.1, "clips": 8.0})
    assert [row.text() for row in first] == [("1.000", "0.500 to 2.000", "0.100"), ("8", "", "")]
    assert [row.text()[0] for row in rows({"unlisted": 0.0, "coverage": 1.0})] == ["0", "1.000"]
    assert [shown(value) for value in (0.1234, 12.34, 200.0)] == ["0.123", "12.3", "200"]
    assert [shown(value) for value in (math.inf, math.nan)] == ["inf", "nan"]


@pytest.mark.realdata
def test_boxes_of_real_films(tiny_model: Model, realdata: Path) -> None:
    boxes = realdata / "annotations" / "vggss" / "vggss.json"
    measured = measure(tiny_model, str(realdata / "av" / "vggsound"), boxes=str(boxes))
    assert measured.numbers["localization/clips"] == 4
    # Boxes in the upper left of a wrong crop would not have the middle in three of four.
    assert measured.numbers["localization/center/pointing"] == 0.75
    assert measured.numbers["retrieval/audio-video/gallery"] >= 10


def test_validation_fixes_the_threshold(tiny_model: Model, films: Path, make_film: Film, tmp_path: Path) -> None:
    other = tmp_path / "valid"
    other.mkdir()
    make_film(seconds=1.2, height=40, width=64).rename(other / "film0.mp4")
    boxes = str(films.parent / "boxes.json")
    alone = measure(tiny_model, str(films), boxes=boxes).numbers
    fixed = measure(tiny_model, str(films), validation=str(other), boxes=boxes).numbers
    rule = "localization/universal/max/threshold"
    assert fixed[rule] != alone[rule]
    assert fixed["localization/frames"] == alone["localization/frames"]
    assert fixed["localization/pointing"] == alone["localization/pointing"]
    (other / "film0.mp4").rename(other / "unknown.mp4")
    left_out = measure(tiny_model, str(films), validation=str(other), boxes=boxes).left_out
    assert left_out["localization"].startswith(f"{other}: nothing says where")


def test_what_cannot_be_read_is_named(
    tiny_model: Model, films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_module, "load", lambda run, device: tiny_model)
    folder = tmp_path / "films"
    shutil.copytree(films, folder)
    (folder / "broken.mp4").write_bytes(b"none")
    line = ["evaluate", str(tmp_path), "--data", str(folder), "--workers", "0"]
    told = CliRunner().invoke(app, [*line, "--numbers", str(tmp_path / "deep" / "n.json")])
    assert told.exit_code == 0, told.output
    assert "share of 7 recordings\n1 left out: they cannot be read, or are shorter" in told.output
    content = json.loads((tmp_path / "deep" / "n.json").read_text())
    assert content["numbers"]["retrieval/audio-video/coverage"] == pytest.approx(6 / 7)
    assert content["unreadable"][str(folder / "broken.mp4")].endswith("(unrecognized)")
    assert "--boxes" in content["not made"]["localization"]
    printed = CliRunner().invoke(app, [*line, "--json", "--plots", str(tmp_path / "plots")])
    assert printed.exit_code == 0, printed.output
    assert json.loads(printed.stdout) == content  # and nothing else
    assert "no localization: " in printed.stderr
    assert str(tmp_path / "plots" / "recall.png") in printed.stderr


def test_a_place_that_cannot_be_written_is_told_before_measuring(
    films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_module, "load", lambda run, device: pytest.fail("began to measure"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    for words in (["localize", "run", "film.mp4", "--stills"], ["cluster", "run", "films", "--sheets"]):
        told = CliRunner().invoke(app, [*words, str(tmp_path / "file")])
        assert told.exit_code == 1
        assert "a file stands where a folder is needed" in told.stderr
    for options in (
        ["--numbers", tmp_path],
        ["--numbers", tmp_path / "file" / "n.json"],
        ["--plots", tmp_path / "file"],
    ):
        told = CliRunner().invoke(app, ["evaluate", str(tmp_path), "--data", str(films), *map(str, options)])
        assert told.exit_code == 1
        assert str(tmp_path) in told.output


def test_a_recording_that_lacks_a_modality_counts_for_the_others(
    tiny_model: Model, films: Path, tmp_path: Path
) -> None:
    """Though training requires picture and sound: sounds with captions are what AudioCaps' test set has."""
    folder = tmp_path / "films"
    shutil.copytree(films, folder)
    soundfile.write(folder / "alone.wav", np.sin(np.arange(20_000) / 5), 16_000)
    (folder / "alone.json").write_text('{"captions": [{"text": "a tone", "language": "en"}]}')
    assert tiny_model.run.data.required == ("video", "audio")
    measured = measure(tiny_model, str(folder), boxes=str(films.parent / "boxes.json"), batch_size=8)
    numbers = measured.numbers
    assert not measured.unreadable
    assert numbers["retrieval/text-audio/gallery"] == COUNT + 1
    assert numbers["retrieval/audio-video/gallery"] == numbers["retrieval/text-video/gallery"] == COUNT
    assert numbers["correspondence/clips"] == COUNT
    assert "heat.png" in [path.name for path in save_plots(tiny_model, measured, tmp_path)]


def test_words_that_cannot_be_read_end_no_evaluation(tiny_model: Model, films: Path, tmp_path: Path) -> None:
    folder = tmp_path / "films"
    shutil.copytree(films, folder)
    (folder / "film0.json").write_text('{"captions": [')
    measured = measure(tiny_model, str(folder))
    assert [key.rsplit("/", 1)[1] for key in measured.unreadable] == ["film0.json"]
    assert measured.numbers["retrieval/text-video/gallery"] == COUNT - 1


def test_no_recording_behind_the_limit_is_opened(tiny_model: Model, films: Path, tmp_path: Path) -> None:
    folder = tmp_path / "films"
    shutil.copytree(films, folder)
    for name in ("a", "b", "z"):  # before the others, and behind
        (folder / f"{name}.mp4").write_bytes(b"no film")
    assert len(measure(tiny_model, str(folder), limit=4).unreadable) == 2
    with pytest.raises(EvaluationError, match="none of the 2 recordings"):
        measure(tiny_model, str(folder), limit=2)
