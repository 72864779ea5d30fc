"""SLAVC: its two softmaxes against a loop, the teacher's way, silence as a negative, the place as the source."""

import copy
import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from mmssl.batch import Batch
from mmssl.encoder import Encoder
from mmssl.modules.seeded_dropout import SeededDropout
from mmssl.modules.silence import SilentSounds
from mmssl.modules.teacher import Teacher
from mmssl.objectives.contrastive.slavc import SLAVC, factorized

Tiny = dict[str, type[Encoder]]


def test_factorized_equals_a_loop_and_its_closed_form() -> None:
    generator = torch.Generator().manual_seed(0)
    what, where = torch.randn(2, 3, 5, 4, generator=generator).unbind(0)
    allowed = torch.ones(3, 4, dtype=torch.bool)
    allowed[1, 2] = False
    found = factorized(what, where, allowed)
    for b in range(3):
        for m in (m for m in range(4) if allowed[b, m]):
            total = 0.0
            for p in range(5):
                heard = math.exp(what[b, p, m]) / sum(math.exp(what[b, p, n]) for n in range(4) if allowed[b, n])
                there = math.exp(where[b, p, m]) / sum(math.exp(where[b, q, m]) for q in range(5))
                total += heard * there
            assert found[b, m].item() == pytest.approx(math.log(total), rel=1e-5)
    assert found[1, 2] < -1e8
    assert factorized(torch.zeros(1, 5, 4), torch.zeros(1, 5, 4), allowed[:1])[0].tolist() == pytest.approx(
        [-math.log(4)] * 4
    )


def test_equals_the_loop_of_both_ways(tiny: Tiny, with_holes: Callable[..., Batch]) -> None:
    torch.manual_seed(0)
    objective, batch = SLAVC(video=tiny["video"](), audio=tiny["audio"](), dim=4, dropout=0.0), with_holes()
    with torch.no_grad():
        objective.heads["audio"].weight.add_(0.1)  # type: ignore[operator]  # away from the teacher

    def vectors(part: dict[str, nn.Module]) -> list[Tensor]:
        places = part["video_head"](part["video_encoder"](batch.video).flatten(1, -2))
        heard: Tensor = part["audio_encoder"](batch.audio)
        sounds = part["audio_head"](heard.flatten(1, -2).mean(1))
        halves = [half for each in (places, sounds) for half in each.chunk(2, -1)]
        return [half / half.norm(dim=-1, keepdim=True) for half in halves]

    with torch.no_grad():
        student, teacher = vectors(objective._student()), vectors(objective.teacher.parts())
    keep = (batch.video_valid & batch.audio_valid).tolist()
    losses = []
    for what, where, heard, there in (
        (student[0], student[1], teacher[2], teacher[3]),
        (teacher[0], teacher[1], student[2], student[3]),
    ):
        for i in (i for i in range(8) if keep[i]):
            rivals = [j for j in range(8) if batch.audio_valid[j] and (j == i or batch.group[j] != batch.group[i])]
            scores = torch.stack([(what[i] @ heard[j]) / 0.03 for j in rivals], 1).softmax(1)
            maps = torch.stack([(where[i] @ there[j]) / 0.03 for j in rivals], 1).softmax(0)
            both = (scores * maps).sum(0)
            losses.append(-(both[rivals.index(i)] / both.sum()).log())
    assert objective(batch)[0].item() == pytest.approx(float(sum(losses)) / 5, rel=1e-3)


def test_silence_takes_part_as_a_sound(tiny: Tiny, sample: Callable[..., Batch]) -> None:
    torch.manual_seed(0)
    objective = SLAVC(video=tiny["video"](), audio=tiny["audio"](), dropout=0.0)
    for module in (*objective.heads.values(), *objective.teacher.parts().values()):
        for parameter in module.parameters():
            nn.init.zeros_(parameter)  # all cosines are 0
    assert objective(sample())[0].item() == pytest.approx(2 * math.log(8))
    objective.silence = SilentSounds()
    assert objective(sample())[0].item() == pytest.approx(2 * math.log(16))


def test_teacher_follows_weights_and_buffers() -> None:
    torch.manual_seed(0)
    student: dict[str, nn.Module] = {"net": nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))}
    teacher, start = Teacher(student, 0.9), copy.deepcopy(student["net"].state_dict())
    assert not any(parameter.requires_grad for parameter in teacher.parameters())
    student["net"](torch.randn(8, 3))
    with torch.no_grad():
        student["net"][0].weight.add_(1)  # type: ignore[index]
    teacher.follow(student)
    own = teacher.parts()["net"].state_dict()
    for name in ("0.weight", "1.running_mean", "1.running_var"):
        torch.testing.assert_close(own[name], 0.9 * start[name] + 0.1 * student["net"].state_dict()[name])
    assert own["1.num_batches_tracked"] == 1


def test_dropout_is_of_the_clip() -> None:
    layer, features = SeededDropout(0.9, 1), torch.ones(4, 30, 40)
    seeds = torch.tensor([5, 6, 7, 8])
    found = layer(features, seeds)
    assert found.unique().tolist() == pytest.approx([0.0, 10.0])
    assert 0.08 < (found > 0).float().mean() < 0.12
    torch.testing.assert_close(layer(features[1:3], seeds[1:3]), found[1:3])
    assert torch.equal(layer.eval()(features, seeds), features)


def test_the_place_is_the_source(
    tiny: Tiny, train: Callable[..., float], colored_sounds: Callable[..., tuple[Batch, Tensor]]
) -> None:
    torch.manual_seed(0)
    objective = SLAVC(
        video=tiny["video"](), audio=tiny["audio"](32), dim=16, temperature=0.1, momentum=0.99, dropout=0.0
    )
    assert train(objective, steps=180) > 0.9
    batch, quarter = colored_sounds(32, seed=9999)
    with torch.no_grad():
        heat = objective.eval().heat(batch)
    assert (heat.mean(1).flatten(1).argmax(1) == quarter).float().mean() > 0.9
