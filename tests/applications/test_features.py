"""Features computed once: the same loss as from films, no film opened in training, towers out of a run folder."""

import csv
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from mmssl.applications.features import store_features
from mmssl.applications.model import Model, load
from mmssl.data.hashing import HashTokenizer
from mmssl.encoders.text_words import TextMean
from mmssl.encoders.video_small import VideoSmall
from mmssl.errors import CheckpointError, EvaluationError, UsageError
from mmssl.evaluate.held_out import held_out, middle
from mmssl.modules.pretrained import without_pretrained
from mmssl.modules.stored_features import key_numbers
from mmssl.modules.tower_policy import LOCKED, SCRATCH
from mmssl.objectives.contrastive.lit import LiT
from mmssl.run import Run
from mmssl.training.folder import load_run
from mmssl.training.loop import train
from mmssl.training.recipe import Recipe
from mmssl.training.tower import begun

RECIPES = Path(__file__).parents[2] / "recipes"
SMALL: dict[str, bool | int | float | str] = {"frames": 2, "batch_size": 3, "steps": 1}


@pytest.fixture(scope="module")
def films(make_film: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three captioned films, and one that cannot be read."""
    folder = tmp_path_factory.mktemp("films")
    for number in range(3):
        make_film(2.5, height=40 + 8 * number).rename(folder / f"{number}.mp4")
        (folder / f"{number}.txt").write_text(f"a square number {number}\n")
    (folder / "broken.mp4").write_bytes(b"no film")
    return folder


@pytest.fixture(scope="module")
def seen(films: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of the quickstart without words."""
    folder = tmp_path_factory.mktemp("runs") / "seen"
    recipe = Recipe(RECIPES / "quickstart.py", {**SMALL, "data": str(films), "words": 0})
    run = recipe.build()
    run.workers, run.skip_limit = 0, 1.0
    train(run, folder, device="cpu", recipe=recipe)
    return folder


@pytest.fixture(scope="module")
def stored(films: Path, seen: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("features")
    kept = store_features(Model(load_run(seen), torch.device("cpu")), str(films), out, batch_size=2)
    assert (kept.recordings, kept.dim, kept.unreadable) == (3, 96, (str(films / "broken.mp4"),))
    return out


def test_the_loss_is_that_of_the_films(films: Path, seen: Path, stored: Path) -> None:
    recipe = Recipe(RECIPES / "lit.py", {**SMALL, "data": str(films), "pretrained": str(seen), "stored": str(stored)})
    run = recipe.build()
    assert isinstance(run.objective, LiT)
    (live,) = held_out(run.objective, middle(run.data), 4)
    (words,) = held_out(run.objective, middle(run.data.only("text")), 4)
    assert (len(live), len(words)) == (3, 4), "what cannot be seen has words or not, and no features"
    assert "video" not in words
    with torch.no_grad():
        torch.testing.assert_close(run.objective(words)[0], run.objective(live)[0])


def test_trains_without_opening_a_film_and_sees_afterwards(
    films: Path, seen: Path, stored: Path, tmp_path: Path
) -> None:
    recipe = Recipe(RECIPES / "lit.py", {**SMALL, "data": str(films), "pretrained": str(seen), "stored": str(stored)})
    run = recipe.build()
    before = {name: value.clone() for name, value in run.objective.encoders["video"].state_dict().items()}
    assert run.trained_on is not None
    run.trained_on = replace(run.trained_on, source=str(films), reader=None)  # type: ignore[arg-type]
    run.workers, run.skip_limit = 0, 1.0
    train(run, tmp_path / "lit", device="cpu", recipe=recipe)
    assert len(list(csv.DictReader((tmp_path / "lit" / "log.csv").open()))) == 1
    seen.rename(seen.with_name("gone"))
    try:
        rebuilt = load_run(tmp_path / "lit")  # the run that it began from is not needed
    finally:
        seen.with_name("gone").rename(seen)
    after = rebuilt.objective.encoders["video"].state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())
    assert Model(rebuilt, torch.device("cpu")).embed(video=films / "0.mp4").shape[1] == 96


def test_a_name_that_is_not_utf8_has_a_number() -> None:
    assert len({*key_numbers([os.fsdecode(b"n\xe9"), os.fsdecode(b"n\xe8"), "n"]).tolist()}) == 3


def test_an_encoder_without_words_or_pictures_is_refused(films: Path, tmp_path: Path) -> None:
    tokenizer = HashTokenizer(16)
    data = Recipe(RECIPES / "quickstart.py").build().data
    objective = LiT(video=VideoSmall(), text=TextMean(tokenizer.size, 8))
    model = Model(Run(data=data, objective=objective, steps=1, batch_size=1), torch.device("cpu"))
    with pytest.raises(UsageError, match="no encoder of it; it has video, text"):
        store_features(model, str(films), tmp_path, "audio")


def test_sounds_alone_have_none(seen: Path, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "tone.wav", np.sin(np.arange(40_000) / 5), 16_000)
    with pytest.raises(EvaluationError, match="no recording with video can be read"):
        store_features(load(seen), str(tmp_path / "tone.wav"), tmp_path / "features")
    assert not (tmp_path / "features" / "about.json").exists()


def test_a_tower_begins_as_its_policy_says(seen: Path, tmp_path: Path) -> None:
    there = load_run(seen).objective.encoders["video"].state_dict()
    fresh = VideoSmall()
    drawn = {name: value.clone() for name, value in fresh.state_dict().items()}
    assert all(torch.equal(v, drawn[n]) for n, v in begun(fresh, SCRATCH, "").state_dict().items())
    assert all(torch.equal(v, there[n]) for n, v in begun(fresh, LOCKED, str(seen)).state_dict().items())
    with without_pretrained():
        begun(VideoSmall(), LOCKED, str(tmp_path / "nowhere"))
    with pytest.raises(UsageError, match="no run is given"):
        begun(fresh, LOCKED, "")
    with pytest.raises(UsageError, match="of another shape"):
        begun(VideoSmall((8, 8, 8)), LOCKED, str(seen))
    with pytest.raises(CheckpointError, match="no checkpoint"):
        begun(fresh, LOCKED, str(tmp_path))
