"""AVE-Net: the distance, the start of its head, the loss against a loop, and that distance comes to mean something."""

from collections.abc import Callable

import pytest
import torch
from torch.nn import functional

from mmssl.batch import Batch
from mmssl.encoder import Encoder
from mmssl.modules.frame_sound import others
from mmssl.objectives.correspondence.ave_net import AVENet, distance

Tiny = dict[str, type[Encoder]]


def test_distance_is_euclidean_with_a_finite_slope_at_zero() -> None:
    a, b = torch.randn(2, 5, 7)
    torch.testing.assert_close(distance(a, b), (a - b).norm(dim=1))
    a.requires_grad_()
    torch.autograd.backward(distance(a, a.detach()).sum())
    assert a.grad is not None
    assert a.grad.isfinite().all()


def test_head_starts_with_far_meaning_no(tiny: Tiny) -> None:
    objective = AVENet(video=tiny["video"](), audio=tiny["audio"]())
    weight, bias = objective.decision.weight.flatten().tolist(), objective.decision.bias.tolist()
    assert weight[0] == -weight[1] > 0
    assert bias[0] == -bias[1] < 0
    angle = torch.linspace(0, torch.pi, 9)
    image, sound = torch.stack([angle.cos(), angle.sin()], 1), torch.tensor([1.0, 0.0])
    odds = objective.log_odds(image, sound)
    assert (odds.diff() < 0).all()
    assert odds[0] > 0 > odds[-1]


def test_equals_a_loop_over_pairs(tiny: Tiny, with_holes: Callable[..., Batch]) -> None:
    objective, batch = AVENet(video=tiny["video"](), audio=tiny["audio"](24)), with_holes()
    drawn = objective.window.drawn(batch)
    image = objective.heads["video"](objective.encoders["video"](drawn.image).flatten(1, -2).mean(1))
    sound = objective.heads["audio"](objective.encoders["audio"](drawn.sound).flatten(1, -2).mean(1))
    number, keep = others(batch, torch.arange(8.0).unsqueeze(1), drawn.keep)
    losses = []
    for i in (i for i in range(8) if keep[i]):
        for j, label in ((i, 1), (int(number[i]), 0)):
            apart = (image[i] / image[i].norm() - sound[j] / sound[j].norm()).norm()
            logits = objective.decision(apart.reshape(1))
            losses.append(functional.cross_entropy(logits, torch.tensor(label)).item())
    assert len(losses) == 10
    assert objective(batch)[0].item() == pytest.approx(sum(losses) / 10, rel=1e-4)


def test_leaves_chance_and_retrieves(
    tiny: Tiny, train: Callable[..., float], colored_sounds: Callable[..., tuple[Batch, torch.Tensor]]
) -> None:
    torch.manual_seed(0)
    objective = AVENet(video=tiny["video"](), audio=tiny["audio"](32), dim=32)
    assert train(objective, steps=150) > 0.9
    batch, _ = colored_sounds(32, seed=9999)
    with torch.no_grad():
        best = objective.eval().pair_scores(batch).argmax(1)
    assert (batch.group[best] == batch.group).float().mean() > 0.9


def test_maps_of_sound_are_window_after_window(tiny: Tiny, sample: Callable[..., Batch]) -> None:
    objective, batch = AVENet(video=tiny["video"](), audio=tiny["audio"]()).eval(), sample(3)
    lengths = []
    objective.encoders["audio"].register_forward_pre_hook(lambda _, inputs: lengths.append(inputs[0].shape[1]))
    grid = objective.maps(batch)["audio"]
    assert set(lengths) == {40}, "the paper's encoder takes 1 s and nothing else"
    assert grid.shape == (3, 8, 1, 128)
    second = objective.maps(Batch(audio=batch.audio[:, 40:]))["audio"]
    torch.testing.assert_close(grid[:, 4:], second)


def test_embeds_frames_and_windows_one_by_one(tiny: Tiny, sample: Callable[..., Batch]) -> None:
    objective, batch = AVENet(video=tiny["video"](), audio=tiny["audio"]()).eval(), sample(3)
    frames = [objective.embed(Batch(video=batch.video[:, [t]]))["video"] for t in range(8)]  # type: ignore[index]
    windows = [objective.embed(Batch(audio=batch.audio[:, s : s + 40]))["audio"] for s in (0, 40)]  # type: ignore[index]
    for modality, parts in (("video", frames), ("audio", windows)):
        expected = functional.normalize(torch.stack(parts).mean(0), dim=1)
        torch.testing.assert_close(dict(objective.embed(batch))[modality], expected)  # type: ignore[index]
