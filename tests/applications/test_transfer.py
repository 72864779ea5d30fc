"""The command `transfer` from end to end, with a tiny model on a few films."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from mmssl.applications import model as model_module
from mmssl.applications.model import Model
from mmssl.batch import Batch
from mmssl.cli.app import app
from mmssl.evaluate.layers import Embedding, EncoderLayer, LogMelStatistics

Film = Callable[..., Path]
COUNT = 9


@pytest.fixture(scope="module")
def labelled(make_film: Film, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("set") / "films"
    folder.mkdir()
    for number in range(COUNT):
        make_film(seconds=1.5, height=32 + 16 * (number % 2), width=64).rename(folder / f"film{number}.mp4")
        told = {"label": "ab"[number % 2], "fold": number // 3, "captions": ["red ball", "rot"][number % 2]}
        (folder / f"film{number}.json").write_text(json.dumps(told))
    (folder / "broken.mp4").write_bytes(b"no film")
    return folder


def test_layers(tiny_model: Model) -> None:
    torch.manual_seed(0)
    batch = Batch(audio=torch.randn(3, 16_000) / 4, video=torch.zeros(3, 2, 3, 32, 32, dtype=torch.uint8))
    objective = tiny_model.objective
    with torch.no_grad():
        encoder = EncoderLayer()(objective, batch, "audio")
        embedding = Embedding()(objective, batch, "audio")
        statistics = LogMelStatistics()(objective, batch, "audio")
    assert encoder.shape == (3, 32)
    assert embedding.shape == (3, 16)
    assert statistics.shape == (3, 128)
    torch.testing.assert_close(embedding, objective.embed(batch)["audio"])
    torch.testing.assert_close(embedding.norm(dim=1), torch.ones(3))
    assert not torch.allclose(encoder.norm(dim=1), torch.ones(3))


@pytest.mark.parametrize("how", ["--fold fold", "--train {films}"])
def test_command(tiny_model: Model, labelled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    monkeypatch.setattr(model_module, "load", lambda run, device: tiny_model)
    words = how.format(films=labelled).split()
    options = ["--windows", "2", "--workers", "0", "--numbers", str(tmp_path / "n.json")]
    told = CliRunner().invoke(app, ["transfer", str(tmp_path), str(labelled), *words, *options])
    assert told.exit_code == 0, told.output
    assert "video: accuracy per recording" in told.stdout
    numbers = json.loads((tmp_path / "n.json").read_text())["numbers"]
    for name in ("video/encoder", "video/embedding", "audio/encoder", "audio/embedding", "audio/log-mel"):
        assert 0 <= numbers[f"probe/{name}/svm/accuracy"] <= 1
        assert numbers[f"probe/{name}/knn-1/accuracy/chance"] == 0.5
    assert numbers["probe/video/recordings"] == COUNT
    assert numbers["probe/video/unreadable"] == (1 if "fold" in how else 2)
    if "train" in how:
        assert "says nothing of other recordings" in told.stderr
        # What was learnt is asked again: a window is its own nearest neighbor.
        assert numbers["probe/video/encoder/knn-1/accuracy"] == 1


def test_words_are_probed_where_they_are_asked_for(
    tiny_model: Model, labelled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_module, "load", lambda run, device: tiny_model)
    words = ["--fold", "fold", "--modalities", "text", "--workers", "0", "--json"]
    told = CliRunner().invoke(app, ["transfer", str(tmp_path), str(labelled), *words])
    assert told.exit_code == 0, told.output
    numbers = json.loads(told.stdout)["numbers"]  # and nothing else
    assert numbers["probe/text/encoder/svm/accuracy"] == 1  # "red ball" or "rot"
    assert not any(name.startswith("probe/video") for name in numbers)


def test_command_refuses(tiny_model: Model, labelled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_module, "load", lambda run, device: tiny_model)
    for words, said in (
        ([], "--train"),
        (["--fold", "place"], "no recording has a field 'place' of folds; there are fold, group, label"),
    ):
        told = CliRunner().invoke(app, ["transfer", str(tmp_path), str(labelled), "--workers", "0", *words])
        assert told.exit_code in (2, 7)
        assert said in told.stderr
