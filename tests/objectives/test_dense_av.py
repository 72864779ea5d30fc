"""DenseAV: its score and regularizers against loops, silence as a negative, and that the place is the source."""

import math
from collections.abc import Callable

import pytest
import torch
from torch.nn import functional

from mmssl.batch import Batch
from mmssl.encoder import Encoder
from mmssl.modules.scores import MaxOverHeadsAndPlaces
from mmssl.modules.silence import SilentSounds
from mmssl.modules.volumes import Weights, below_zero, overlap, roughness, softened
from mmssl.objectives.contrastive.dense_av import DenseAV

Tiny = dict[str, type[Encoder]]
NONE = Weights(0, 0, 0, 0, 0)


def test_score_and_volume_equal_a_loop() -> None:
    generator = torch.Generator().manual_seed(0)
    places, sounds = (torch.randn(size, generator=generator) for size in ((2, 3, 2, 2, 8), (4, 5, 8)))
    score = MaxOverHeadsAndPlaces(heads=2)
    found = score(places, places[:, :0], sounds.flatten(1))
    for a in range(2):
        for n in range(4):
            best = []
            for t in range(3):
                for s in range(5):
                    each = [
                        places[a, t, y, x, k : k + 4] @ sounds[n, s, k : k + 4]
                        for y in range(2)
                        for x in range(2)
                        for k in (0, 4)
                    ]
                    best.append(float(max(each)))
            assert found[a, n].item() == pytest.approx(sum(best) / 15, rel=1e-5)
    volume = score.volume(places, sounds[:2])
    assert volume.shape == (2, 3, 4, 2, 5)
    torch.testing.assert_close(volume.amax((2, 3)).mean((1, 2)), found.diagonal())
    assert volume[1, 2, 3, 1, 4].item() == pytest.approx(float(places[1, 2, 1, 1, 4:] @ sounds[1, 4, 4:]), rel=1e-5)


def test_regularizers_equal_loops() -> None:
    volume = torch.tensor([[2.0, -1.0], [-3.0, 0.5]]).reshape(1, 1, 1, 2, 2)  # heads x moments
    assert below_zero(volume).tolist() == [(1 + 9) / 4]
    assert roughness(volume).tolist() == [(9 + 3.5**2) / 2]
    assert overlap(volume).tolist() == [(2 * 3 + 1 * 0.5) / 2]
    assert overlap(volume[:, :, :, :1]).tolist() == roughness(volume[..., :1]).tolist() == [0]
    assert softened(torch.tensor(0.5), 1.0).item() == pytest.approx(math.log(2) ** 2)
    assert softened(torch.tensor(2.0), 1.0).item() == 0


@pytest.mark.parametrize("silence", [None, SilentSounds()], ids=["without", "with silence"])
def test_equals_a_loop_over_clips(
    silence: SilentSounds | None, tiny: Tiny, with_holes: Callable[..., Batch], changed: Callable[..., Batch]
) -> None:
    torch.manual_seed(0)
    objective, batch = DenseAV(video=tiny["video"](), audio=tiny["audio"](), dim=8, heads=2, weights=NONE), with_holes()
    objective.silence = silence
    own = objective.pair_scores(batch).detach()
    quiet = objective.pair_scores(changed(batch, audio=silence(batch))).detach() if silence else own[:, :0]
    keep, heard = batch.video_valid & batch.audio_valid, batch.audio_valid
    losses = []
    for i in (i for i in range(8) if keep[i]):
        others = [j for j in range(8) if j != i and batch.group[i] != batch.group[j]]
        sounds = sum(math.exp(own[i, j]) for j in [i, *others] if heard[j]) + sum(math.exp(s) for s in quiet[i])
        films = sum(math.exp(own[j, i]) for j in [i, *others] if batch.video_valid[j])
        losses.append(-math.log(math.exp(own[i, i]) / sounds) / 2 - math.log(math.exp(own[i, i]) / films) / 2)
    assert len(losses) == 5
    assert objective(batch)[0].item() == pytest.approx(sum(losses) / 5, rel=1e-4)


def test_at_chance(tiny: Tiny, sample: Callable[..., Batch]) -> None:
    objective = DenseAV(video=tiny["video"](), audio=tiny["audio"](), silence=SilentSounds())
    torch.nn.init.zeros_(objective.heads["video"][1].weight)  # type: ignore[index]
    torch.nn.init.zeros_(objective.heads["video"][1].bias)  # type: ignore[index]
    # Eight sounds and as many silences for each picture, eight pictures for each sound.
    assert objective(sample())[0].item() == pytest.approx((math.log(16) + math.log(8)) / 2, rel=1e-5)


def test_silent_sounds(sample: Callable[..., Batch]) -> None:
    batch = sample(400)
    found = SilentSounds(noise=0.25, level=(0.01, 0.1))(batch)
    level = found.square().mean(1).sqrt()
    assert 60 < (level > 0).sum() < 140
    assert level[level > 0].min() > 0.005
    assert level.max() < 0.15
    assert torch.equal(SilentSounds(noise=0.25, level=(0.01, 0.1))(batch[3:5]), found[3:5])
    assert not SilentSounds(noise=0.0)(batch).any()


def test_the_place_is_the_source_and_silence_has_none(
    tiny: Tiny, train: Callable[..., float], colored_sounds: Callable[..., tuple[Batch, torch.Tensor]]
) -> None:
    torch.manual_seed(0)
    objective = DenseAV(video=tiny["video"](), audio=tiny["audio"](32), dim=32, silence=SilentSounds())
    train(objective, steps=60)
    batch, quarter = colored_sounds(32, seed=9999)
    with torch.no_grad():
        heat = objective.eval().heat(batch).mean(1).flatten(1)
        batch.audio.zero_()
        silent = objective.heat(batch).mean(1).flatten(1)
    assert (heat.argmax(1) == quarter).float().mean() > 0.9
    assert (silent.amax(1) < heat.amax(1)).all()
    assert functional.relu(silent).mean() < heat.amax(1).mean() / 4
