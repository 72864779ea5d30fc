"""L3-Net: the loss against a loop, its value at chance, the polarity of its labels, and that it learns."""

import math
from collections.abc import Callable

import pytest
import torch
from torch.nn import functional

from mmssl.batch import Batch
from mmssl.encoder import Encoder
from mmssl.encoders.audio_l3 import AudioL3
from mmssl.evaluate.layers import Embedding, EncoderLayer
from mmssl.modules.frame_sound import others
from mmssl.modules.front_ends import ave
from mmssl.objectives.correspondence.l3_net import L3Net

Tiny = dict[str, type[Encoder]]


def test_equals_a_loop_over_pairs(tiny: Tiny, with_holes: Callable[..., Batch]) -> None:
    objective, batch = L3Net(video=tiny["video"](), audio=tiny["audio"](24)), with_holes()
    drawn = objective.window.drawn(batch)
    image = objective.encoders["video"](drawn.image).flatten(1, -2).mean(1)
    sound = objective.encoders["audio"](drawn.sound).flatten(1, -2).mean(1)
    number, keep = others(batch, torch.arange(8.0).unsqueeze(1), drawn.keep)
    losses, right = [], 0
    for i in range(8):
        for j, label in ((i, 1), (int(number[i]), 0)):
            if keep[i]:
                logits = objective.fusion(torch.cat([image[i], sound[j]]))
                losses.append(functional.cross_entropy(logits, torch.tensor(label)).item())
                right += int(logits.argmax() == label)
    loss, terms = objective(batch)
    assert keep.sum() == 5
    assert loss.item() == pytest.approx(sum(losses) / 10, rel=1e-5)
    assert terms["accuracy"].item() == pytest.approx(right / 10)


def test_chance_is_ln_2(tiny: Tiny, sample: Callable[..., Batch]) -> None:
    objective = L3Net(video=tiny["video"](), audio=tiny["audio"]())
    torch.nn.init.zeros_(objective.fusion[2].weight)  # type: ignore[arg-type]
    torch.nn.init.zeros_(objective.fusion[2].bias)  # type: ignore[arg-type]
    assert objective(sample())[0].item() == pytest.approx(math.log(2))


def test_learns_what_sounds_how(
    tiny: Tiny, train: Callable[..., float], colored_sounds: Callable[..., tuple[Batch, torch.Tensor]]
) -> None:
    torch.manual_seed(0)
    objective = L3Net(video=tiny["video"](), audio=tiny["audio"](32))
    assert train(objective, steps=150) > 0.9
    batch, quarter = colored_sounds(32, seed=9999)
    with torch.no_grad():
        scores, heat = objective.eval().pair_scores(batch), objective.heat(batch).mean(1)
    same = batch.group.unsqueeze(1) == batch.group
    assert scores[same].mean() > 0 > scores[~same].mean(), "class 1 is: corresponds"
    assert (heat.flatten(1).argmax(1) == quarter).float().mean() > 0.5


def test_paper_sizes_and_no_retrieval(tiny: Tiny) -> None:
    objective = L3Net(video=tiny["video"](512), audio=tiny["audio"](512))
    assert not objective.comparable
    assert [tuple(p.shape) for p in objective.fusion.parameters()] == [(128, 1024), (128,), (2, 128), (2,)]


def test_a_probe_hears_all_of_a_longer_clip(tiny: Tiny) -> None:
    audio = AudioL3(ave(), width=4, stride=2)  # takes a second and nothing else
    objective = L3Net(video=tiny["video"](), audio=audio).eval()
    second = torch.randn(2, audio.sample_rate)
    both = Batch(audio=torch.cat([second, second.flip(0)], 1))
    for layer in (EncoderLayer(), Embedding()):
        one, two = (layer(objective, Batch(audio=sound), "audio") for sound in (second, both.audio))
        assert one.shape == two.shape == (2, audio.dim)
        torch.testing.assert_close(two[0], two[1])  # pooled over the same two seconds in another order
        assert not torch.allclose(one[0], one[1])
