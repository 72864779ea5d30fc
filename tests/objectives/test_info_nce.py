"""InfoNCE against golden values, a loop from the formula, its value at chance, and what it must leave out."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from mmssl.batch import Batch
from mmssl.encoder import Encoder
from mmssl.errors import UsageError
from mmssl.modules.scores import MaxOverPlaces
from mmssl.objectives.contrastive.info_nce import InfoNCE, accuracy, info_nce, symmetric_info_nce

Sample = Callable[..., Batch]
Tiny = dict[str, type[Encoder]]
Changed = Callable[..., Batch]


def golden() -> tuple[Tensor, Tensor, Tensor]:
    step = torch.arange(4, dtype=torch.float64)
    scores = torch.sin(3 * step.unsqueeze(1) + step)
    return scores, torch.eye(4, dtype=torch.bool), torch.ones(4, 4, dtype=torch.bool)


def loop(scores: Tensor, positive: Tensor, valid: Tensor) -> list[float | None]:
    """Row by row from the formula; None without a positive."""
    losses: list[float | None] = []
    for i in range(scores.shape[0]):
        below = sum(math.exp(scores[i, j]) for j in range(scores.shape[1]) if valid[i, j])
        own = [j for j in range(scores.shape[1]) if valid[i, j] and positive[i, j]]
        losses.append(-sum(math.log(math.exp(scores[i, j]) / below) for j in own) / len(own) if own else None)
    return losses


def test_golden_values() -> None:
    scores, positive, valid = golden()
    assert info_nce(scores, positive, valid).mean().item() == pytest.approx(1.575203, abs=1e-6)
    assert info_nce(scores.T, positive, valid).mean().item() == pytest.approx(1.655718, abs=1e-6)
    both = symmetric_info_nce(scores, positive, valid).item()
    assert both == pytest.approx(1.615460, abs=1e-6)
    assert 2 * both == pytest.approx(3.230921, abs=1e-6)
    assert info_nce(scores / 0.07, positive, valid).mean().item() == pytest.approx(9.925809, abs=1e-6)


def test_equals_the_loop_with_several_positives_and_holes() -> None:
    generator = torch.Generator().manual_seed(1)
    scores = torch.randn(7, 9, generator=generator, dtype=torch.float64) * 3
    positive, valid = torch.rand(7, 9, generator=generator) < 0.3, torch.rand(7, 9, generator=generator) < 0.7
    positive[2] = False
    valid[4] = False
    expected = loop(scores, positive, valid)
    assert info_nce(scores, positive, valid).tolist() == pytest.approx([x or 0.0 for x in expected])
    rows, columns = ([x for x in each if x is not None] for each in (expected, loop(scores.T, positive.T, valid.T)))
    mean = (sum(rows) / len(rows) + sum(columns) / len(columns)) / 2
    assert symmetric_info_nce(scores, positive, valid).item() == pytest.approx(mean)


@pytest.mark.parametrize("count", [2, 5, 64])
def test_chance_is_the_logarithm_of_the_candidates(count: int) -> None:
    same, eye = torch.zeros(count, count), torch.eye(count, dtype=torch.bool)
    assert symmetric_info_nce(same, eye, torch.ones_like(eye)).item() == pytest.approx(math.log(count), abs=1e-5)


def test_invalid_rows_and_columns_are_as_if_never_there() -> None:
    scores, positive, valid = golden()
    valid[1], valid[:, 1] = False, False
    rest = torch.tensor([0, 2, 3])
    smaller = (scores[rest][:, rest], positive[rest][:, rest], valid[rest][:, rest])
    assert symmetric_info_nce(scores, positive, valid).item() == pytest.approx(symmetric_info_nce(*smaller).item())
    scores.requires_grad_()
    torch.autograd.backward(symmetric_info_nce(scores, positive, valid))
    assert scores.grad is not None
    assert scores.grad.isfinite().all()
    assert scores.grad[1].abs().sum() == 0


def test_accuracy_counts_rows_that_have_a_positive() -> None:
    scores = torch.tensor([[3.0, 1.0, 2.0], [5.0, 1.0, 0.0], [0.0, 0.0, 9.0]])
    positive, valid = torch.eye(3, dtype=torch.bool), torch.ones(3, 3, dtype=torch.bool)
    assert accuracy(scores, positive, valid).item() == pytest.approx(2 / 3)
    valid[1, 0] = False  # what beat the positive was no true negative
    assert accuracy(scores, positive, valid).item() == 1
    valid[0, 0] = False  # no positive is left in the first row
    assert accuracy(scores, positive, valid).item() == 1


def direct(objective: InfoNCE, batch: Batch, excluded: Tensor) -> float:
    """The video-audio loss from the embeddings alone, leaving out `excluded` pairs."""
    scores = objective.pair_scores(batch) / 0.07
    eye = torch.eye(len(batch), dtype=torch.bool)
    return symmetric_info_nce(scores, eye, ~excluded | eye).item()


def test_clips_of_one_group_are_no_negatives(tiny: Tiny, sample: Sample, changed: Changed) -> None:
    objective, batch = InfoNCE(video=tiny["video"](), audio=tiny["audio"]()), sample(5)
    nothing, shared = torch.zeros(5, 5, dtype=torch.bool), torch.zeros(5, 5, dtype=torch.bool)
    assert objective(batch)[0].item() == pytest.approx(direct(objective, batch, nothing), rel=1e-5)
    shared[1, 4] = shared[4, 1] = True
    grouped = changed(batch, group=torch.tensor([1, 2, 3, 4, 2]))
    assert objective(grouped)[0].item() == pytest.approx(direct(objective, batch, shared), rel=1e-5)
    assert objective(grouped)[0] != objective(batch)[0]


def test_clips_of_one_caption_are_no_negatives_in_text(tiny: Tiny, sample: Sample, changed: Changed) -> None:
    objective, batch = InfoNCE(**{name: encoder() for name, encoder in tiny.items()}), sample(5, captions=1)  # type: ignore[arg-type]
    text = batch.text.clone()
    text[4] = text[1]
    before, after = (
        objective(changed(batch, text=text))[1],
        objective(changed(batch, text=text, group=torch.tensor([1, 2, 3, 4, 2])))[1],
    )
    assert before["video_text_loss"] == after["video_text_loss"], "the shared group adds nothing to the shared caption"
    assert before["audio_text_loss"] == after["audio_text_loss"]
    assert before["video_audio_loss"] != after["video_audio_loss"], "the caption says nothing about picture and sound"


def test_all_captions_are_positives(tiny: Tiny, sample: Sample) -> None:
    objective, batch = InfoNCE(audio=tiny["audio"](), text=tiny["text"]()), sample(4, captions=3)
    batch.text_valid[2, 1] = False
    audio = objective.embed(Batch(audio=batch.audio))["audio"]
    texts = [objective.embed(Batch(text=batch.text[:, [c]]))["text"] for c in range(3)]  # type: ignore[index]
    scores = audio @ torch.stack(texts, 1).flatten(0, 1).T / 0.07
    positive = torch.eye(4, dtype=torch.bool).repeat_interleave(3, 1)
    valid = torch.ones(4, 12, dtype=torch.bool)
    valid[:, 7] = False
    expected = symmetric_info_nce(scores, positive, valid)
    torch.testing.assert_close(objective(batch)[0], expected)


def test_temperature_is_learned_bounded_and_not_decayed(tiny: Tiny, sample: Sample) -> None:
    objective, batch = InfoNCE(video=tiny["video"](), audio=tiny["audio"]()), sample()
    log_scale: Tensor = objective.temperatures["video_audio"].log_scale  # type: ignore[assignment]
    assert log_scale.exp().item() == pytest.approx(1 / 0.07)
    assert log_scale.ndim == 0
    with torch.no_grad():
        log_scale.fill_(9.0)
    assert objective(batch)[1]["video_audio_temperature"].item() == pytest.approx(0.01)
    objective.after_step(0.5)
    assert log_scale.item() == pytest.approx(math.log(100))
    objective(batch)[0].backward()
    assert log_scale.grad is not None
    assert log_scale.grad != 0, "it can come back from the bound"


def test_weights_of_pairs(tiny: Tiny, sample: Sample) -> None:
    encoders = {name: encoder() for name, encoder in tiny.items()}
    objective = InfoNCE(**encoders, weights={"video_text": 3, "audio_text": 0})  # type: ignore[arg-type]
    loss, terms = objective(sample())
    assert loss.item() == pytest.approx((terms["video_audio_loss"] + 3 * terms["video_text_loss"]).item() / 4)
    assert "audio_text_loss" not in terms
    with pytest.raises(UsageError, match="text_video"):
        InfoNCE(**encoders, weights={"text_video": 1})  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="second encoder"):
        InfoNCE(video=tiny["video"]())
    with pytest.raises(UsageError, match="weight above 0"):
        InfoNCE(video=tiny["video"](), audio=tiny["audio"](), weights={"video_audio": 0})


def test_augments_in_training_alone_from_the_seeds(tiny: Tiny, sample: Sample) -> None:
    class Shift(nn.Module):
        seen: list[Tensor]

        def forward(self, audio: Tensor, seeds: Tensor) -> Tensor:
            self.seen = [seeds]
            return audio + 1

    augment, batch = Shift(), sample()
    objective = InfoNCE(video=tiny["video"](), audio=tiny["audio"](), audio_augment=augment)
    training = objective(batch)[0]
    assert torch.equal(augment.seen[0], batch.seed)
    assert training != objective.eval()(batch)[0]


def test_maximum_over_places_finds_the_place(
    tiny: Tiny, train: Callable[..., float], colored_sounds: Callable[..., tuple[Batch, Tensor]]
) -> None:
    torch.manual_seed(0)
    objective = InfoNCE(video=tiny["video"](), audio=tiny["audio"](32), hidden=32, score=MaxOverPlaces())
    train(objective, steps=200)
    batch, quarter = colored_sounds(64, seed=9999)
    with torch.no_grad():
        heat = objective.eval().heat(batch).mean(1)
        matches = objective.pair_scores(batch).argmax(1)
    assert (batch.group[matches] == batch.group).float().mean() > 0.9
    assert (heat.flatten(1).argmax(1) == quarter).float().mean() > 0.9
