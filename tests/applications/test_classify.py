"""Zero-shot classification: prompts averaged as CLIP does, counts by hand, and the command."""

import csv
import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from typer.testing import CliRunner

from mmssl.applications import model as model_module
from mmssl.applications.classify import Classified, classify
from mmssl.applications.model import Model
from mmssl.applications.prompts import TEMPLATES, PromptedClass, prototypes, read_classes, read_templates
from mmssl.cli.app import app
from mmssl.data.recordings import Recording
from mmssl.data.skipped import Skipped
from mmssl.errors import UsageError
from mmssl.evaluate.frozen import NothingSeenError

Film = Callable[..., Path]


def test_classes_from_a_line_and_from_a_file(tmp_path: Path) -> None:
    assert read_classes("a dog, a cat") == (PromptedClass("a dog", ("a dog",)), PromptedClass("a cat", ("a cat",)))
    file = tmp_path / "classes.txt"
    file.write_text("dog\ta dog\tein Hund\n\nrain\n", encoding="utf-8")
    assert read_classes(str(file)) == (PromptedClass("dog", ("a dog", "ein Hund")), PromptedClass("rain", ("rain",)))
    for wrong, said in (("dog", "two"), ("dog,dog,cat", "'dog' is given twice"), ("nowhere.txt", "no such file")):
        with pytest.raises(UsageError, match=said):
            read_classes(wrong)


def test_templates(tmp_path: Path) -> None:
    file = tmp_path / "templates.txt"
    file.write_text("a video of {}\nman hört {}\n\n", encoding="utf-8")
    assert read_templates(file) == ("a video of {}", "man hört {}")
    for text, said in (("no place\n", "must hold {} once"), ("{} and {}\n", "once"), ("\n", "no template")):
        file.write_text(text)
        with pytest.raises(UsageError, match=said):
            read_templates(file)
    assert all(template.count("{}") == 1 for template in TEMPLATES)


def test_prototypes_are_means_of_unit_vectors(tiny_model: Model) -> None:
    classes = [PromptedClass("ball", ("ball", "red ball")), PromptedClass("rot", ("rot",))]
    found = prototypes(tiny_model, classes, ("{}", "red {}"))
    for row, prompts in zip(found, (["ball", "red ball", "red ball", "red red ball"], ["rot", "red rot"]), strict=True):
        total = torch.zeros(16)
        for prompt in prompts:
            vector = tiny_model.embed(text=prompt)[0]
            total += vector / vector.norm()
        torch.testing.assert_close(row, total / total.norm())


def test_numbers_are_counted_by_hand() -> None:
    answers = torch.tensor([[0.9, 0.1, 0.0], [0.1, 0.9, 0.0], [0.2, 0.8, 0.1], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
    labels = ("dog", "DOG ", "cat", "cow", "whale")
    recordings = tuple(Recording(f"r{n}", "mp4", label=label) for n, label in enumerate(labels))
    found = Classified("audio", ("dog", "cat", "cow"), recordings, answers, Skipped())
    assert found.truth().tolist() == [0, 0, 1, 2, -1]
    assert found.confusion().tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 1]]
    numbers = found.numbers()
    assert numbers["classify/audio/accuracy"] == 3 / 4
    assert numbers["classify/audio/accuracy/chance"] == pytest.approx(1 / 3)
    assert numbers["classify/audio/per-class"] == pytest.approx((0.5 + 1 + 1) / 3)
    assert numbers["classify/audio/majority"] == 0.5
    assert (numbers["classify/audio/recordings"], numbers["classify/audio/unlisted"]) == (4, 1)
    assert [label for label, _ in found.best(2)[0]] == ["dog", "cat"]
    assert [score for _, score in found.best(2)[0]] == pytest.approx([0.9, 0.1])
    assert not Classified("audio", ("x", "y", "z"), recordings, answers, Skipped()).numbers()


@pytest.fixture(scope="module")
def films(make_film: Film, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("set") / "films"
    folder.mkdir()
    for number in range(3):
        make_film(seconds=2.0, height=32 + 16 * number, width=64).rename(folder / f"film{number}.mp4")
        (folder / f"film{number}.json").write_text(json.dumps({"label": ["ball", "rot", "other"][number]}))
    (folder / "broken.mp4").write_bytes(b"no film")
    return folder


def test_scores_are_cosines_of_the_mean_window(tiny_model: Model, films: Path) -> None:
    classes = read_classes("ball,rot")
    for found in classify(tiny_model, str(films), classes, ("{}",), windows=2):
        assert [recording.key for recording in found.recordings] == ["film0", "film1", "film2"]
        assert len(found.skipped.reasons) == 1
        file = films / "film0.mp4"
        # Two windows of a second in a film of two: its first and its last.
        windows = tiny_model.embed_windows(file, 1.0, (found.modality,))[1][found.modality]
        assert len(windows) == 2
        mean = torch.nn.functional.normalize(windows.mean(0), dim=0)
        expected = mean @ tiny_model.embed(text=["ball", "rot"]).T
        torch.testing.assert_close(found.scores[0], expected, atol=1e-4, rtol=0)


def test_command(tiny_model: Model, films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_module, "load", lambda run, device: tiny_model)
    words = ["classify", str(tmp_path), str(films), "--classes", "ball,rot", "--workers", "0", "--windows", "1"]
    for name in ("a.csv", "a.json"):
        told = CliRunner().invoke(app, [*words, "--out", str(tmp_path / name)])
        assert told.exit_code == 0, told.output
        assert "6 answers" in told.output
    rows = list(csv.DictReader((tmp_path / "a.csv").open()))
    assert [(row["key"], row["modality"], row["label"]) for row in rows[:2]] == [
        ("film0", "video", "ball"),
        ("film1", "video", "rot"),
    ]
    assert {rows[0]["class 1"], rows[0]["class 2"]} == {"ball", "rot"}
    content = json.loads((tmp_path / "a.json").read_text())
    table = np.array(content["confusion"]["video"])
    assert table.sum() == 2
    assert content["numbers"]["classify/video/accuracy"] == table.trace() / 2
    assert content["numbers"]["classify/video/unlisted"] == 1
    assert content["unreadable"]


def test_a_name_that_is_not_utf8_is_written(
    tiny_model: Model, films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_module, "load", lambda run, device: tiny_model)
    name = os.fsdecode(b"n\xe9")
    (tmp_path / f"{name}.mp4").write_bytes((films / "film0.mp4").read_bytes())
    words = ["classify", "run", str(tmp_path), "--classes", "ball,rot", "--workers", "0", "--modalities", "video"]
    for out in (tmp_path / "new" / "a.csv", tmp_path / "a.json"):
        told = CliRunner().invoke(app, [*words, "--out", str(out)], catch_exceptions=False)
        assert told.exit_code == 0, told.output
    assert "n\\udce9" in (tmp_path / "new" / "a.csv").read_text()
    assert json.loads((tmp_path / "a.json").read_text())["answers"][0]["key"] == name


def test_sounds_without_pictures(tiny_model: Model, tmp_path: Path) -> None:
    tone = (0.3 * np.sin(np.arange(32_000) / 6)).astype(np.float32)
    soundfile.write(tmp_path / "tone.wav", tone, 16_000)
    classes = read_classes("ball,rot")
    assert [found.modality for found in classify(tiny_model, str(tmp_path), classes)] == ["audio"]
    with pytest.raises(NothingSeenError, match="no recording with video"):
        classify(tiny_model, str(tmp_path), classes, modalities=("video",))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--classes", "ball"], "give at least two to tell apart"),
        (["--classes", "ball,rot", "--out", "x.txt"], ".csv or .json"),
        (["--classes", "ball,?"], "holds no word"),
        (["--classes", "ball,rot", "--modalities", "text"], "no encoder of text to classify by"),
        (["--classes", "ball,rot", "--templates", "nowhere.txt"], "no such file"),
    ],
)
def test_command_refuses(
    tiny_model: Model, films: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], said: str
) -> None:
    monkeypatch.setattr(model_module, "load", lambda run, device: tiny_model)
    told = CliRunner().invoke(app, ["classify", "run", str(films), "--workers", "0", *options])
    assert told.exit_code == 2, told.output
    assert said in told.stderr
