"""AVOL-Net: the best place and its logistic loss against a loop, its start, and that the place is the source."""

import math
from collections.abc import Callable

import pytest
import torch

from mmssl.batch import Batch
from mmssl.encoder import Encoder
from mmssl.modules.frame_sound import others
from mmssl.objectives.correspondence.avol_net import AVOLNet

Tiny = dict[str, type[Encoder]]


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def test_equals_a_loop_over_pairs_and_places(tiny: Tiny, with_holes: Callable[..., Batch]) -> None:
    objective, batch = AVOLNet(video=tiny["video"](), audio=tiny["audio"](24)), with_holes()
    drawn = objective.window.drawn(batch)
    places = objective.heads["video"](objective.encoders["video"](drawn.image))[:, 0]
    sound = objective.heads["audio"](objective.encoders["audio"](drawn.sound).flatten(1, -2).mean(1))
    number, keep = others(batch, torch.arange(8.0).unsqueeze(1), drawn.keep)
    losses = []
    for i in (i for i in range(8) if keep[i]):
        for j, label in ((i, 1), (int(number[i]), 0)):
            each = [
                sigmoid((objective.slope * (places[i, y, x] @ sound[j]) + objective.bias).item())
                for y in range(2)
                for x in range(2)
            ]
            losses.append(-math.log(max(each)) if label else -math.log(1 - max(each)))
    assert len(losses) == 10
    assert objective(batch)[0].item() == pytest.approx(sum(losses) / 10, rel=1e-4)


def test_starts_without_a_match_anywhere(tiny: Tiny, sample: Callable[..., Batch]) -> None:
    torch.manual_seed(0)
    objective = AVOLNet(video=tiny["video"](), audio=tiny["audio"]()).eval()
    assert objective.bias < 0
    assert (objective.heat(sample()) < 0.5).all()


def test_the_place_is_the_source(
    tiny: Tiny, train: Callable[..., float], colored_sounds: Callable[..., tuple[Batch, torch.Tensor]]
) -> None:
    torch.manual_seed(0)
    objective = AVOLNet(video=tiny["video"](), audio=tiny["audio"](32), dim=32)
    assert train(objective, steps=200) > 0.9
    batch, quarter = colored_sounds(32, seed=9999)
    with torch.no_grad():
        heat, scores = objective.eval().heat(batch), objective.pair_scores(batch)
    assert heat.min() >= 0
    assert heat.max() <= 1
    assert (heat.mean(1).flatten(1).argmax(1) == quarter).float().mean() > 0.9
    assert (batch.group[scores.argmax(1)] == batch.group).float().mean() > 0.9
