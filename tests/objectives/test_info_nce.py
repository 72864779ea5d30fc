"""InfoNCE against golden values, a loop from the formula, its value at chance, and what it must leave out."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from mmssl.batch import Batch
from mmssl.encoder import Encoder
from mmssl.errors import UsageError
from mmssl.modules.contrast import Contrast, contrast
from mmssl.modules.scores import MaxOverPlaces, Pooled
from mmssl.modules.tiles import Side
from mmssl.objectives.contrastive.info_nce import InfoNCE, accuracy, info_nce

Sample = Callable[..., Batch]
Tiny = dict[str, type[Encoder]]
Changed = Callable[..., Batch]
Scored = Callable[..., tuple[Side, Side]]


def of(sides: tuple[Side, Side], scale: float = 1.0) -> Contrast:
    return contrast(Pooled(), *sides, torch.tensor(scale, dtype=sides[0].vectors[1].dtype))


def golden() -> Tensor:
    step = torch.arange(4, dtype=torch.float64)
    return torch.sin(3 * step.unsqueeze(1) + step).unsqueeze(2)


def loop(scores: Tensor, own: Tensor, counts: Tensor) -> list[float]:
    """Row by row from the formula, those that have a true pair."""
    losses: list[float] = []
    for i in range(scores.shape[0]):
        below = sum(math.exp(scores[i, j]) for j in range(scores.shape[1]) if counts[i, j])
        true = [j for j in range(scores.shape[1]) if counts[i, j] and own[i, j]]
        if true:
            losses.append(-sum(math.log(math.exp(scores[i, j]) / below) for j in true) / len(true))
    return losses


def test_golden_values(scored: Scored) -> None:
    pairs = of(scored(golden()))
    assert (pairs.rows - pairs.own[:, 0]).mean().item() == pytest.approx(1.575203, abs=1e-6)
    assert (pairs.columns - pairs.own).mean().item() == pytest.approx(1.655718, abs=1e-6)
    assert info_nce(pairs).item() == pytest.approx(1.615460, abs=1e-6)
    assert 2 * info_nce(pairs).item() == pytest.approx(3.230921, abs=1e-6)
    colder = of(scored(golden()), 1 / 0.07)
    assert (colder.rows - colder.own[:, 0]).mean().item() == pytest.approx(9.925809, abs=1e-6)


def test_equals_the_loop_with_several_captions_and_holes(scored: Scored) -> None:
    scores = torch.randn(7, 7, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64) * 3
    row_valid, valid = torch.ones(7, dtype=torch.bool), torch.ones(7, 3, dtype=torch.bool)
    row_valid[2], valid[4], valid[5, 1] = False, False, False
    groups = torch.tensor([0, 1, 2, 0, 4, 5, 6])
    own = torch.eye(7, dtype=torch.bool).repeat_interleave(3, 1)
    related = (groups.unsqueeze(1) == groups).repeat_interleave(3, 1)
    counts = (own | ~related) & row_valid.unsqueeze(1) & valid.flatten()
    rows, columns = loop(scores.flatten(1), own, counts), loop(scores.flatten(1).T, own.T, counts.T)
    assert (len(rows), len(columns)) == (5, 14)
    expected = (sum(rows) / 5 + sum(columns) / 14) / 2
    assert info_nce(of(scored(scores, row_valid, valid, groups))).item() == pytest.approx(expected)


@pytest.mark.parametrize("count", [2, 5, 64])
def test_chance_is_the_logarithm_of_the_candidates(count: int, scored: Scored) -> None:
    pairs = of(scored(torch.zeros(count, count, 1)))
    assert info_nce(pairs).item() == pytest.approx(math.log(count), abs=1e-5)
    assert accuracy(pairs) == 0, "a tie is no right answer"


def test_invalid_clips_are_as_if_never_there(scored: Scored) -> None:
    scores, there = golden(), torch.tensor([True, False, True, True])
    rest = scores[there][:, there]
    assert info_nce(of(scored(scores, there, there.unsqueeze(1)))) == pytest.approx(info_nce(of(scored(rest))).item())


def test_accuracy_counts_who_has_a_true_pair(scored: Scored) -> None:
    scores = torch.tensor([[3.0, 1.0, 2.0], [5.0, 1.0, 0.0], [0.0, 0.0, 9.0]]).unsqueeze(2)
    # Rows: right, wrong, right; columns: wrong, a tie, right.
    assert accuracy(of(scored(scores))).item() == pytest.approx((2 / 3 + 1 / 3) / 2)
    groups = torch.tensor([0, 0, 2])  # what beat the true pairs was no true negative
    assert accuracy(of(scored(scores, groups=groups))) == 1
    valid = torch.tensor([[True], [False], [True]])
    assert accuracy(of(scored(scores, valid=valid))).item() == pytest.approx((1 + 1 / 2) / 2)


def direct(objective: InfoNCE, batch: Batch, excluded: Tensor) -> float:
    """The video-audio loss from the embeddings alone, leaving out `excluded` pairs."""
    scores = (objective.pair_scores(batch) / 0.07).masked_fill(excluded, -math.inf)
    clip = torch.arange(len(batch))
    return ((functional.cross_entropy(scores, clip) + functional.cross_entropy(scores.T, clip)) / 2).item()


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
    own, counts = torch.eye(4, dtype=torch.bool).repeat_interleave(3, 1), torch.ones(4, 12, dtype=torch.bool)
    counts[:, 7] = False
    scores = scores.detach()
    rows, columns = loop(scores, own, counts), loop(scores.T, own.T, counts.T)
    assert objective(batch)[0].item() == pytest.approx((sum(rows) / 4 + sum(columns) / 11) / 2, rel=1e-5)


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
