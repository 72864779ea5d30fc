"""A model that meets another decoder than it was trained with says so, in one sentence and once."""

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

import mmssl
from mmssl.data.decode.pyav import PyAVReader
from mmssl.run import Run
from mmssl.training.checkpoint import Checkpoints
from mmssl.training.folder import restore
from mmssl.training.loop import train
from mmssl.training.recipe import Recipe
from mmssl.training.versions import other_decoder

HERE = {"av": "18.1.0", "ffmpeg": "8.1.2"}


@pytest.mark.parametrize(
    ("was", "differs"),
    [
        (HERE, False),
        ({"av": "17.0.0", "ffmpeg": "8.0"}, False),
        ({"av": "18.1.0", "ffmpeg": "n8.2-dev"}, False),
        ({}, False),  # nobody wrote it down
        ({"av": "15.0.0", "ffmpeg": "7.1.1"}, True),
        ({"decord": "0.6.0"}, True),
        ({"torchcodec": "0.11.1"}, True),
    ],
)
def test_another_decoder_or_major_version_of_ffmpeg(was: dict[str, str], differs: bool) -> None:
    said = other_decoder(was, HERE)
    assert bool(said) == differs
    if differs:
        assert all(f"{name} {version}" in said for name, version in {**was, **HERE}.items())


@dataclass(frozen=True)
class OldReader(PyAVReader):
    def versions(self) -> dict[str, str]:
        return {"av": "9.0.0", "ffmpeg": "4.4.1"}


def test_is_written_down_and_told_on_loading_and_on_resuming(
    build: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe: Recipe = build(steps=4)
    run: Run = recipe.build()
    train(replace(run, data=replace(run.data, reader=OldReader())), tmp_path, recipe=recipe)
    assert Checkpoints(tmp_path / "checkpoints").read(4).facts["decoder"] == {"av": "9.0.0", "ffmpeg": "4.4.1"}
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            mmssl.load(tmp_path, device="cpu")
            restore(recipe.build(), tmp_path)
    (told,) = [record.getMessage() for record in caplog.records]
    assert told.startswith(f"{tmp_path} was trained on clips decoded by av 9.0.0 ffmpeg 4.4.1, and here av ")
    capsys.readouterr()
    train(recipe.build(), tmp_path, recipe=recipe, resume=True)
    assert capsys.readouterr().out.count("was trained on clips decoded by av 9.0.0 ffmpeg 4.4.1") == 1


def test_the_same_decoder_is_nothing_to_tell(
    build: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe: Recipe = build(steps=2)
    for resume in (False, True):
        train(recipe.build(), tmp_path, recipe=recipe, resume=resume)
    mmssl.load(tmp_path, device="cpu")
    assert not caplog.records
    assert "decoded by" not in capsys.readouterr().out
