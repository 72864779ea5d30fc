"""`mmssl cluster`: what a model has learnt, k-means of any model, the table, the sheets, and what is refused."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
from typer.testing import CliRunner, Result

from mmssl.applications.cluster import KMeans, _found, cluster
from mmssl.applications.measure import measure
from mmssl.applications.model import Model
from mmssl.cli.app import app
from mmssl.data.synthetic.generate import World, synthesize
from mmssl.errors import EvaluationError
from mmssl.training.loop import train
from mmssl.training.recipe import Recipe

PAGE = Path(__file__).parents[1] / "training" / "clustered.py"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten labelled clips as shards, without one that cannot be read."""
    folder = tmp_path_factory.mktemp("world")
    synthesize(folder, 10, world=World(seconds=1.2, pixels=32), splits={"train": 1}, progress=False)
    return folder / "train"


@pytest.fixture(scope="module")
def run(world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run") / "xdc"
    recipe = Recipe(PAGE, {"data": str(world), "steps": 2})
    train(recipe.build(), folder, recipe=recipe)
    return folder


def call(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)


def test_what_the_model_has_learnt(run: Path, world: Path, tmp_path: Path) -> None:
    (world / "broken.mp4").write_bytes(b"no film")
    try:
        told = call("cluster", run, world, "--out", tmp_path / "c.csv", "--sheets", tmp_path / "s", "--workers", 0)
    finally:
        (world / "broken.mp4").unlink()
    assert told.exit_code == 0
    assert "purity" in told.output
    assert "broken" in told.output
    rows = list(csv.DictReader((tmp_path / "c.csv").open()))
    assert len(rows) == 10
    assert {"source", "key", "label", "video_from_audio", "audio_from_video", "video_from_audio_score"} <= set(rows[0])
    used = {(name, int(row[name])) for row in rows for name in ("video_from_audio", "audio_from_video")}
    sheets = sorted(path.stem for path in (tmp_path / "s").iterdir())
    assert sheets == sorted(f"{name}-{number:04d}" for name, number in used)
    with Image.open(tmp_path / "s" / f"{sheets[0]}.png") as sheet:
        assert sheet.width > 900


def test_k_means_of_embeddings_against_scikit_learn(run: Path, world: Path, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "c.json"
    told = call("cluster", run, world, "--clusters", 3, "--modalities", "audio", "--out", out, "--workers", 0)
    assert told.exit_code == 0
    rows = json.loads(out.read_text())
    assert set(rows[0]) == {"source", "key", "label", "audio", "audio_score"}
    assert {row["audio"] for row in rows} == {0, 1, 2}
    model = Model(Recipe(PAGE, {"data": str(world)}).build(), torch.device("cpu"))
    found, _ = cluster(model, str(world), KMeans(3), ("audio",))
    numbers, labels = found.numbers(), list(found.labels)
    for name, oracle in (("NMI", normalized_mutual_info_score), ("ARI", adjusted_rand_score)):
        assert numbers[f"clusters/audio/{name}"] == pytest.approx(oracle(labels, found.chosen["audio"]), abs=1e-9)
    assert 0 < numbers["clusters/audio/NMI/chance"] < 1
    assert numbers["clusters/audio/used"] == 3


def test_evaluate_has_the_numbers_and_says_what_cannot_be_compared(world: Path) -> None:
    model = Model(Recipe(PAGE, {"data": str(world)}).build(), torch.device("cpu"))
    measured = measure(model, str(world))
    assert {"clusters/video_from_audio/NMI", "clusters/audio_from_video/purity/chance"} <= set(measured.numbers)
    assert set(measured.left_out) == {"retrieval", "correspondence", "localization"}


def test_what_nobody_asked_for_may_be_absent(tiny_model: Model, make_film: Callable[..., Path], tmp_path: Path) -> None:
    make_film(seconds=1.2).rename(tmp_path / "film.mp4")  # without a caption
    found, _ = cluster(tiny_model, str(tmp_path), KMeans(1))
    assert list(found.chosen) == ["video", "audio"]
    with pytest.raises(EvaluationError, match="no recording has text"):
        cluster(tiny_model, str(tmp_path), KMeans(1), ("video", "text"))
    soundfile.write(tmp_path / "sound.wav", np.sin(np.arange(32_000)), 16_000)
    found, skipped = cluster(tiny_model, str(tmp_path), KMeans(1), ("audio",))
    assert found.keys == ("film", "sound")
    assert not skipped.reasons


def test_refusals(run: Path, world: Path, tiny_model: Model) -> None:
    assert "--clusters" in call("cluster", run, world, "--modalities", "audio").output
    assert ".json" in call("cluster", run, world, "--out", "x.txt").output
    assert "text" in call("cluster", run, world, "--clusters", 2, "--modalities", "text").output
    with pytest.raises(Exception, match="has learnt no clusters"):
        cluster(tiny_model, str(world))


def test_a_few_recordings_are_told_apart() -> None:
    """Thirty in 256 dimensions, of which whitening makes noise as large as what tells them apart."""
    generator = torch.Generator().manual_seed(0)
    kinds = torch.arange(30) % 3
    rows = 4 * torch.eye(3, 256)[kinds] + 0.1 * torch.randn(30, 256, generator=generator)
    found, _ = _found("audio", rows, torch.ones(30, dtype=torch.bool), KMeans(3))
    assert normalized_mutual_info_score(kinds, found) == 1
    whitened, _ = _found("audio", rows, torch.ones(30, dtype=torch.bool), KMeans(3, dims=256))
    assert normalized_mutual_info_score(kinds, whitened) < 0.7


def test_sounds_alone_are_clustered(run: Path, tmp_path: Path) -> None:
    for number in range(4):
        soundfile.write(tmp_path / f"{number}.wav", np.sin(np.arange(40_000) / (3 + number)), 16_000)
    told = call("cluster", run, tmp_path, "--clusters", 2, "--out", tmp_path / "c.csv", "--workers", 0)
    assert told.exit_code == 0, told.output
    assert set(next(iter(csv.DictReader((tmp_path / "c.csv").open())))) == {
        "source",
        "key",
        "label",
        "audio",
        "audio_score",
    }
