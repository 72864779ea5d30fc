"""A training that cannot learn says so at once, and not after hours."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from mmssl.data.clips import Clips
from mmssl.data.hashing import HashTokenizer
from mmssl.encoders.audio_resnet import AudioResNet
from mmssl.encoders.image_small import ImageSmall
from mmssl.encoders.text_words import TextMean
from mmssl.errors import TrainingError, UsageError
from mmssl.modules.front_ends import log_mel
from mmssl.objectives.contrastive.info_nce import InfoNCE
from mmssl.run import Run
from mmssl.training import first_steps
from mmssl.training.loop import train
from mmssl.training.recipe import Recipe


def run(source: Path, *, sound: bool, steps: int = 2, batch_size: int = 4) -> Run:
    """Pictures and words, and sound if wanted."""
    tokenizer = HashTokenizer(64)
    mel = log_mel(sample_rate=8000, bins=16, win=400, hop=200)
    return Run(
        data=Clips(
            source=str(source),
            seconds=0.5,
            frames=2,
            pixels=16,
            sample_rate=8000 if sound else 0,
            words=4,
            language="en",
            tokenizer=tokenizer,
        ),
        objective=InfoNCE(
            video=ImageSmall(),
            audio=AudioResNet(mel, width=4, depths=(1, 1, 1), strides=(1, 2, 2)) if sound else None,
            text=TextMean(tokenizer.size, 8),
            dim=8,
        ),
        steps=steps,
        batch_size=batch_size,
        workers=0,
    )


def test_captions_that_are_nowhere(recordings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(TrainingError, match=r"gradient was 0 in the first 10 steps.*see the warnings"):
        train(run(recordings, sound=False, steps=40), tmp_path / "words")
    warning = "warning: none of the first 40 clips has a caption in language 'en', so words teach nothing"
    assert warning in capsys.readouterr().out
    assert not list((tmp_path / "words" / "checkpoints").glob("step-*"))
    # Where picture and sound learn without words it goes on, and is told.
    train(run(recordings, sound=True), tmp_path / "all")
    assert "none of the first 8 clips has a caption" in capsys.readouterr().out


def test_one_clip_is_compared_with_nothing(recordings: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="batch_size above 1"):
        train(run(recordings, sound=True, batch_size=1), tmp_path)


def test_a_loss_that_comes_to_nothing_later_goes_on(
    recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "films").mkdir()
    for film in recordings.glob("*.mp4"):
        (tmp_path / "films" / film.name).symlink_to(film)
        (tmp_path / "films" / f"{film.stem}.txt").write_text(f"film {film.stem}")
    some = run(tmp_path / "films", sound=False, steps=12)
    forward = some.objective.forward
    calls = iter(range(100))
    monkeypatch.setattr(
        some.objective, "forward", lambda batch: (loss := forward(batch)) and (loss[0] * (next(calls) < 1), loss[1])
    )
    train(some, tmp_path / "run")
    assert "warning" not in capsys.readouterr().out


def test_clusters_of_nothing(build: Callable[..., Recipe], tmp_path: Path) -> None:
    (tmp_path / "films").mkdir()
    (tmp_path / "films" / "a.mp4").write_bytes(b"no film")
    some = build(refresh_every=2).build()
    some.data = replace(some.data, source=str(tmp_path / "films"))
    with pytest.raises(TrainingError, match=r"no clip can be read, the first because .*; check the data"):
        train(some, tmp_path / "run")


def test_what_the_loss_does_not_use(
    recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def some() -> Run:
        made = run(recordings, sound=True)
        made.objective.extra = nn.Linear(3, 3)
        return made

    train(some(), tmp_path / "one")
    assert "warning: the loss does not use extra.weight, extra.bias; leave that out" in capsys.readouterr().out
    # With several processes torch cannot go on, and its own advice nobody can follow here.
    monkeypatch.setattr(first_steps, "world", lambda: 2)
    with pytest.raises(UsageError, match=r"does not use extra\.weight"):
        train(some(), tmp_path / "two")
    # Nor where a later batch of one process uses less: the others would wait for its gradient.
    monkeypatch.setattr(first_steps, "rank", lambda: 1)
    later = some()
    for name, weight in later.objective.named_parameters():
        weight.grad = None if name == "extra.bias" else torch.zeros_like(weight)
    with pytest.raises(UsageError, match=r"extra\.bias in step 3 on process 1.*add 0 times it to the loss"):
        first_steps.FirstSteps(later, 0).unreached(later.objective, 3)
    frozen = some()
    frozen.objective.requires_grad_(False)
    with pytest.raises(UsageError, match="no parameter of InfoNCE has requires_grad"):
        train(frozen, tmp_path / "none")


def test_terms_are_single_numbers(recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    some = run(recordings, sound=True)
    forward = some.objective.forward
    monkeypatch.setattr(some.objective, "forward", lambda batch: (forward(batch)[0], {"share": 0.25, "count": [3]}))
    train(some, tmp_path / "numbers")
    assert (tmp_path / "numbers" / "log.csv").read_text().startswith("step,loss,share,count,")
    monkeypatch.setattr(some.objective, "forward", lambda batch: (forward(batch)[0], {"each": torch.zeros(4)}))
    with pytest.raises(UsageError, match=r"objective's each is \[4\]; loss and terms are single numbers"):
        train(some, tmp_path / "more")
