"""AVTS: the loss against a loop in each stage, golden value, the curriculum, gaps, blind models, steady sounds."""

from collections.abc import Callable

import pytest
import torch
from torch.nn import functional

from mmssl.batch import Batch
from mmssl.encoder import Encoder
from mmssl.errors import UsageError
from mmssl.modules.draws import uniform
from mmssl.modules.frame_sound import others
from mmssl.modules.margin import margin_contrastive
from mmssl.objectives.synchrony.avts import _KIND, AVTS, Curriculum, Negatives, liveliness
from tests.objectives.blind import trained_blind

Tiny = dict[str, type[Encoder]]
Make = Callable[..., Batch]


def made(tiny: Tiny, *stages: tuple[float, Negatives], cells: int = 1) -> AVTS:
    torch.manual_seed(0)
    towers = {"video": tiny["video"](), "audio": tiny["audio"]()}
    return AVTS(**towers, cells=cells, seconds=0.5, gap=0.25, step=0.25, curriculum=Curriculum(stages))  # type: ignore[arg-type]


@pytest.mark.parametrize("negatives", [Negatives(), Negatives(hard=0.5), Negatives(hard=0.3, super_hard=0.4)])
def test_equals_a_loop_over_clips(negatives: Negatives, tiny: Tiny, with_holes: Make) -> None:
    objective, batch = made(tiny, (0.0, negatives)), with_holes()

    def vector(modality: str, inputs: torch.Tensor) -> torch.Tensor:
        places = objective.heads[modality](objective.encoders[modality](inputs)).flatten(1, -2)
        return functional.normalize(places.mean(1), dim=-1)[0].detach()

    lot = uniform(batch.seed, _KIND)[:, 0]
    near = (lot < negatives.super_hard).tolist()
    cut = objective._places(batch, torch.tensor(near))
    sounds = [vector("audio", batch.audio[i : i + 1, cut.own[i] : cut.own[i] + 20]) for i in range(8)]
    number, found = others(batch, torch.arange(8.0).unsqueeze(1), cut.keep)
    losses, hard = [], 0
    for i in (i for i in range(8) if found[i]):
        picture = vector("video", batch.video[i : i + 1, cut.frame[i] : cut.frame[i] + 2])
        negative = sounds[int(number[i])]
        if lot[i] < negatives.hard + negatives.super_hard:
            away = abs(int(cut.own[i] - cut.other[i]))
            assert 10 <= away <= 20 if near[i] else away >= 30
            negative, hard = vector("audio", batch.audio[i : i + 1, cut.other[i] : cut.other[i] + 20]), hard + 1
        losses.append(float((picture - sounds[i]).norm()) ** 2)
        losses.append(max(0.99 - float((picture - negative).norm()), 0.0) ** 2)
    loss, terms = objective(batch)
    assert loss.item() == pytest.approx(sum(losses) / len(losses), rel=1e-4)
    assert terms["hard"].item() == pytest.approx(hard / (len(losses) / 2))


def test_golden_value_of_the_margin() -> None:
    distance, same = torch.tensor([0.2, 0.9, 0.5, 1.5]), torch.tensor([True, True, False, False])
    assert margin_contrastive(distance, same, 0.99).mean().item() == pytest.approx(0.272525, abs=1e-6)


def test_equal_vectors_have_a_closed_form(tiny: Tiny, sample: Make) -> None:
    objective = made(tiny)
    for head in objective.heads.values():
        torch.nn.init.zeros_(head.weight)  # type: ignore[arg-type]
        torch.nn.init.ones_(head.bias)  # type: ignore[arg-type]
    assert objective(sample())[0].item() == pytest.approx((0.99 - 1e-3) ** 2 / 2, rel=1e-2)


def test_the_papers_curriculum() -> None:
    curriculum = Curriculum()
    assert [curriculum.at(p) for p in (0.0, 0.49)] == [Negatives(), Negatives()]
    assert [curriculum.at(p) for p in (0.5, 1.0)] == [Negatives(hard=0.25)] * 2
    with pytest.raises(UsageError, match="shares from 0 to 1"):
        Negatives(hard=0.7, super_hard=0.5)


def test_stage_moves_on_and_is_kept(tiny: Tiny, sample: Make) -> None:
    one, other, batch = made(tiny, (0.5, Negatives(hard=1.0))), made(tiny, (0.5, Negatives(hard=1.0))), sample()
    assert one(batch)[1]["hard"] == 0
    one.after_step(0.5)
    assert one(batch)[1]["hard"] == 1
    other.load_state_dict(one.state_dict())
    assert torch.equal(other(batch)[0], one(batch)[0])


def test_steady_sounds_have_no_hard_negative(tiny: Tiny, sample: Make) -> None:
    objective, batch = made(tiny, (0.0, Negatives(hard=1.0))), sample()
    batch.audio[:4] = 0.0
    batch.audio[4] = 0.5
    assert objective(batch)[1]["hard"].item() == pytest.approx(3 / 8)


def test_liveliness_of_noise_tones_and_strokes() -> None:
    time = torch.arange(16_000) / 16_000
    stroke = torch.exp(-time * 10) * torch.sin(2 * torch.pi * 440 * time)
    tone, noise = torch.sin(2 * torch.pi * 440 * time), torch.randn(16_000, generator=torch.Generator().manual_seed(0))
    silence = torch.zeros(16_000)
    found = liveliness(torch.stack([stroke, tone, 0.1 * noise, silence]))
    assert found[0] > 1
    assert (found[1:] < 0.1).all()


def test_without_vision_hard_ones_stay_at_chance(tiny: Tiny, sample: Make) -> None:
    terms = trained_blind(made(tiny, (0.0, Negatives(hard=1.0))), sample, steps=120, lr=0.01)
    right = [term["accuracy"].item() for term in terms]
    assert sum(right[40:]) / 80 == pytest.approx(0.5, abs=0.05)


def test_a_shift_of_the_sound_shifts_the_distances(tiny: Tiny, sample: Make) -> None:
    track = made(tiny).sync_distances(sample(3), 2)
    assert track.shape == (3, 7, 5)
    torch.testing.assert_close(track[:, 1, 2].isnan(), torch.zeros(3, dtype=torch.bool))
    assert track[:, 0, 0].isnan().all()


def test_cells_keep_the_order_of_time(tiny: Tiny) -> None:
    one, two = made(tiny), made(tiny, cells=2)
    sound = torch.rand(3, 20, generator=torch.Generator().manual_seed(1)) * 2 - 1
    turned = torch.cat([sound[:, 10:], sound[:, :10]], 1)
    torch.testing.assert_close(one._vectors("audio", turned), one._vectors("audio", sound))
    vectors = two._vectors("audio", sound)
    assert vectors.shape == (3, 256)
    torch.testing.assert_close(two._vectors("audio", turned), vectors.roll(128, 1))
    torch.testing.assert_close(vectors.norm(dim=1), torch.ones(3))


@pytest.mark.parametrize("cells", [0, 3])
def test_as_many_cells_as_there_are_times(cells: int, tiny: Tiny, sample: Make) -> None:
    with pytest.raises(UsageError, match=f"1 to 2 cells of this audio, not {cells}"):
        made(tiny, cells=cells)(sample())


@pytest.mark.parametrize("cells", [1, 2])
def test_pairs_are_scored_by_their_seconds(cells: int, tiny: Tiny, sample: Make) -> None:
    objective, batch = made(tiny, cells=cells), sample(3)
    scores = objective.pair_scores(batch)
    at_no_shift = objective.sync_distances(batch, 0)[..., 0].nanmean(1)
    torch.testing.assert_close(scores.diagonal(), -at_no_shift)
