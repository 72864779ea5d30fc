"""DeepCluster (SDC), MDC, CDC and XDC: the loss against a loop, who teaches whom, rounds, and what is learnt."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from mmssl.batch import Batch
from mmssl.encoder import Encoder
from mmssl.errors import TrainingError, UsageError
from mmssl.modules.assignment import of_recordings
from mmssl.modules.cluster_lessons import balanced_cross_entropy
from mmssl.objective import Objective
from mmssl.objectives.clustering.cdc import CDC, joined
from mmssl.objectives.clustering.deep_cluster import DeepCluster
from mmssl.objectives.clustering.mdc import MDC
from mmssl.objectives.clustering.xdc import XDC

Tiny = dict[str, type[Encoder]]
Sample = Callable[..., Batch]

HEADS: dict[type[Objective], set[str]] = {
    DeepCluster: {"video_from_video", "audio_from_audio"},
    MDC: {"video_from_video", "video_from_audio", "audio_from_audio", "audio_from_video"},
    CDC: {"video_from_joint", "audio_from_joint"},
    XDC: {"video_from_audio", "audio_from_video"},
}


def make(cls: type[Objective], tiny: Tiny, clusters: int = 4, **given: Any) -> Any:
    torch.manual_seed(0)
    return cls(video=tiny["video"](), audio=tiny["audio"](), clusters=clusters, **given)  # type: ignore[call-arg]


@pytest.fixture(name="system", params=list(HEADS), ids=lambda cls: cls.__name__)
def system_fixture(request: pytest.FixtureRequest) -> type[Objective]:
    cls: type[Objective] = request.param
    return cls


def test_balanced_loss_equals_a_loop_over_clusters() -> None:
    generator = torch.Generator().manual_seed(0)
    logits, labels = torch.randn(40, 5, generator=generator), torch.randint(-1, 5, (40,), generator=generator)
    sizes = torch.bincount(labels[labels >= 0], minlength=5)
    # All recordings at once: what a sampler that draws clusters uniformly would see on average.
    means = []
    for cluster in range(5):
        inside = [logits[row] for row in range(40) if labels[row] == cluster]
        means.append(sum(math.log(sum(row.exp().tolist())) - row[cluster].item() for row in inside) / len(inside))
    assert balanced_cross_entropy(logits, labels, sizes).item() == pytest.approx(sum(means) / 5, rel=1e-5)


def test_balanced_loss_at_chance_and_of_nothing() -> None:
    labels, sizes = torch.tensor([0, 3, 3, -1]), torch.tensor([1, 0, 0, 9])
    assert balanced_cross_entropy(torch.zeros(4, 4), labels, sizes).item() == pytest.approx(math.log(4))
    logits = torch.zeros(2, 4, requires_grad=True)
    loss = balanced_cross_entropy(logits, torch.tensor([-1, -1]), sizes)
    torch.autograd.backward(loss)
    assert loss == 0
    assert logits.grad is not None
    assert not logits.grad.any()


def test_who_learns_from_whom(system: type[Objective], tiny: Tiny, sample: Sample) -> None:
    objective, batch = make(system, tiny), sample()
    objective.refresh([batch])
    assert set(objective.lessons.heads) == HEADS[system]
    loss, terms = objective(batch)
    assert loss.item() == pytest.approx(len(HEADS[system]) * math.log(4), abs=0.1)
    assert {f"{name}_accuracy" for name in HEADS[system]} <= set(terms)
    assert set(objective.clusters(batch)) == HEADS[system]
    for shares in objective.clusters(batch).values():
        torch.testing.assert_close(shares.sum(1), torch.ones(8))
        assert shares.shape == (8, 4)


def test_labels_of_a_stream_in_xdc_never_come_from_it(
    tiny: Tiny, sample: Sample, changed: Callable[..., Batch]
) -> None:
    batch = sample()
    other = changed(batch, video=255 - batch.video.flip(0))

    def labels(batch: Batch) -> tuple[Tensor, Tensor]:
        objective = make(XDC, tiny)
        objective.refresh([batch])
        teachers = objective.lessons.teachers
        return teachers["audio"](batch.index), teachers["video"](batch.index)

    for_video, for_audio = labels(batch)
    other_for_video, other_for_audio = labels(other)
    assert torch.equal(for_video, other_for_video)
    assert not torch.equal(for_audio, other_for_audio)


def test_labels_follow_the_recording_not_the_place(
    system: type[Objective], tiny: Tiny, sample: Sample, changed: Callable[..., Batch]
) -> None:
    one, other, batch = make(system, tiny), make(system, tiny), sample()
    turned = changed(batch, **{name: tensor.flip(0) for name, tensor in batch.tensors()})
    one.refresh([batch[:3], batch[3:]])
    other.refresh([turned])
    for name, teacher in one.lessons.teachers.items():
        assert torch.equal(teacher(batch.index), other.lessons.teachers[name](batch.index))
    torch.testing.assert_close(one(batch)[0], other(turned)[0])


def test_windows_of_a_recording_and_doubles_count_once(
    tiny: Tiny, sample: Sample, changed: Callable[..., Batch]
) -> None:
    objective, batch = make(XDC, tiny), sample()
    windows = changed(batch, index=torch.arange(8) // 2)
    number, rows = of_recordings(objective, [windows, windows])["audio"]
    assert number.tolist() == [0, 1, 2, 3]
    every = of_recordings(objective, [batch])["audio"][1]
    torch.testing.assert_close(rows, (every[::2] + every[1::2]) / 2)


def test_what_lacks_a_modality_has_no_label_of_it(tiny: Tiny, with_holes: Sample) -> None:
    batch = with_holes()
    xdc, cdc = make(XDC, tiny), make(CDC, tiny)
    xdc.refresh([batch])
    cdc.refresh([batch])
    video, audio = (xdc.lessons.teachers[m](batch.index) >= 0 for m in ("video", "audio"))
    assert torch.equal(video, batch.video_valid)
    assert torch.equal(audio, batch.audio_valid)
    assert torch.equal(cdc.lessons.teachers["joint"](batch.index) >= 0, batch.video_valid & batch.audio_valid)


def test_nothing_to_cluster_is_said(
    system: type[Objective], tiny: Tiny, sample: Sample, changed: Callable[..., Batch]
) -> None:
    silent = changed(sample(), audio_valid=torch.zeros(8, dtype=torch.bool))
    with pytest.raises(TrainingError, match="no training recording has what"):
        make(system, tiny).refresh([silent])


def test_joined_features_weigh_both_streams_alike() -> None:
    first = torch.tensor([1, 4, 6]), torch.tensor([[3.0, 4.0], [5.0, 0.0], [1.0, 1.0]])
    second = torch.tensor([4, 5, 6]), torch.tensor([[0.1], [7.0], [-2.0]])
    numbers, rows = joined(first, second)
    assert numbers.tolist() == [4, 6]
    torch.testing.assert_close(rows, torch.tensor([[1.0, 0.0, 1.0], [0.5**0.5, 0.5**0.5, -1.0]]))


def test_heads_begin_anew_and_encoders_do_not(system: type[Objective], tiny: Tiny, sample: Sample) -> None:
    objective, batch = make(system, tiny), sample()
    objective.refresh([batch])
    drawn = [head.weight.flatten()[:4] for head in objective.lessons.heads.values()]
    assert not any(torch.equal(drawn[0], other) for other in drawn[1:])
    for head in objective.lessons.heads.values():
        assert not head.bias.any()
        assert 0.005 < head.weight.std() < 0.02
    before = {name: tensor.clone() for name, tensor in objective.named_parameters()}
    objective.refresh([batch])
    for name, tensor in objective.named_parameters():
        assert torch.equal(tensor, before[name]) != (name.startswith("lessons.heads") and name.endswith("weight")), name
    for teacher in objective.lessons.teachers.values():
        assert int(teacher.rounds) == 2
        assert 0 < float(teacher.stability) <= 1 + 1e-6


def test_refresh_looks_without_augmentation_and_leaves_the_mode(tiny: Tiny, sample: Sample) -> None:
    class Fail(torch.nn.Module):
        def forward(self, video: Tensor, seed: Tensor) -> Tensor:
            raise AssertionError

    objective = make(XDC, tiny, augment=Fail())
    objective.refresh([sample()])
    assert objective.training
    with pytest.raises(AssertionError):
        objective(sample())


def test_needs_an_encoder(tiny: Tiny, sample: Sample) -> None:
    with pytest.raises(UsageError, match="video or audio"):
        DeepCluster()
    alone = DeepCluster(audio=tiny["audio"](), clusters=4)
    alone.refresh([sample()])
    assert alone(sample())[0].item() == pytest.approx(math.log(4), abs=0.1)


def test_sight_learns_what_sound_tells(
    tiny: Tiny, colored_sounds: Callable[..., tuple[Batch, Tensor]], changed: Callable[..., Batch]
) -> None:
    torch.manual_seed(0)
    objective = XDC(video=tiny["video"](), audio=tiny["audio"](32), clusters=4, dims=8)
    batch, _ = colored_sounds(64, seed=0)
    optimizer = torch.optim.Adam(objective.parameters(), 0.01)
    for step in range(120):
        if step % 40 == 0:
            objective.refresh([batch])
        loss, _ = objective(batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    held_out, _ = colored_sounds(64, seed=1)
    with torch.no_grad():
        chosen = objective.eval().clusters(held_out)["video_from_audio"].argmax(1)
    pairs = torch.unique(torch.stack([chosen, held_out.group]), dim=1, return_counts=True)[1]
    assert pairs.topk(4).values.sum() > 0.8 * 64
