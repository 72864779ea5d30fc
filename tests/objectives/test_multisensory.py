"""Multisensory: both sounds of each clip against a loop, its fusion in the paper's sizes, blind models, shifts, map."""

import math
from collections.abc import Callable

import pytest
import torch
from torch.nn import functional

from mmssl.batch import Batch
from mmssl.modules.fused_tower import FusedTower
from mmssl.modules.shifts import Shift
from mmssl.objectives.synchrony.multisensory import _PLACES, Multisensory
from tests.objectives.blind import trained_blind

Build = Callable[..., Multisensory]
Make = Callable[..., Batch]


def test_equals_a_loop_over_true_and_shifted_sounds(build: Build, with_holes: Make) -> None:
    objective, batch = build(Multisensory), with_holes()
    cut = objective.stretch.drawn(batch, Shift(0.5), _PLACES)
    assert cut.shifted.tolist() == [False, False, False, *[True] * 5]
    losses, right = [], 0
    for i in range(3, 8):
        seen = objective.encoders["video"](batch.video[i : i + 1, cut.frame[i] : cut.frame[i] + 3])
        for begin, label in ((cut.own[i], 1.0), (cut.other[i], 0.0)):
            heard = objective.encoders["audio"](batch.audio[i : i + 1, begin : begin + 30])
            logit = objective.activation(seen, heard).mean()
            losses.append(functional.binary_cross_entropy_with_logits(logit, torch.tensor(label)).item())
            right += int((logit > 0) == bool(label))
    loss, terms = objective(batch)
    assert loss.item() == pytest.approx(sum(losses) / 10, rel=1e-5)
    assert terms["accuracy"].item() == pytest.approx(right / 10)


def test_chance_is_ln_2(build: Build, sample: Make) -> None:
    objective = build(Multisensory)
    torch.nn.init.zeros_(objective.fusion.answer.weight)  # type: ignore[union-attr, arg-type]
    torch.nn.init.zeros_(objective.fusion.answer.bias)  # type: ignore[union-attr, arg-type]
    assert objective(sample())[0].item() == pytest.approx(math.log(2))


def test_fusion_has_the_papers_sizes() -> None:
    tower = FusedTower(64, 256).to("meta")
    logits = tower(torch.empty(1, 32, 28, 28, 64, device="meta"), torch.empty(1, 86, 1, 256, device="meta"))
    assert logits.shape == (1, 8, 7, 7)
    assert [tuple(tower.mix[n].weight.shape[:2]) for n in (0, 3)] == [(512, 192), (128, 512)]  # type: ignore[index]
    fine = FusedTower(64, 256, strides=(1, 2, 1)).to("meta")
    video, audio = torch.empty(1, 32, 28, 28, 64, device="meta"), torch.empty(1, 86, 1, 256, device="meta")
    assert fine(video, audio).shape == (1, 16, 14, 14), "the variant for the activation map"


def test_without_vision_it_stays_at_chance(build: Build, sample: Make) -> None:
    terms = trained_blind(build(Multisensory), sample, steps=80, lr=0.003)
    right = [term["accuracy"].item() for term in terms]
    assert sum(right[40:]) / 40 == pytest.approx(0.5, abs=0.05)


def test_distances_are_minus_the_logit_and_masked_at_the_ends(build: Build, sample: Make) -> None:
    objective, batch = build(Multisensory).eval(), sample(3)
    batch.audio_valid[2] = False
    with torch.no_grad():
        track = objective.sync_distances(batch, 4)
    assert track.shape == (3, 6, 9)
    assert track[2].isnan().all()
    for row in range(2):
        times = batch.video_times[row, :6] - batch.start[row]
        for k in range(-4, 5):
            begin = ((times + k * 0.25) * 40).round()
            assert torch.equal(~track[row, :, k + 4].isnan(), (begin > 0) & (begin + 30 < 80))
    first = [w for w in range(6) if not track[0, w, 8].isnan()]
    assert len(first) == 1, "the last shift leaves one stretch, so its logit is that of the stretch alone"
    (w,) = first
    sample_at = int(((batch.video_times[0, w] - batch.start[0] + 1.0) * 40).round())
    with torch.no_grad():
        seen = objective.encoders["video"](batch.video[:1, w : w + 3])
        logit = objective.activation(
            seen, objective.encoders["audio"](batch.audio[:1, sample_at : sample_at + 30])
        ).mean((2, 3))
    expected = functional.interpolate(logit.unsqueeze(1), 3, mode="linear").mean()
    assert track[0, w, 8].item() == pytest.approx(-expected.item(), abs=1e-5)
