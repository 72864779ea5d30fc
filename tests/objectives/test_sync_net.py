"""SyncNet: the loss against a loop and its golden value, blind models at chance, and a shift found without bias."""

from collections.abc import Callable

import pytest
import torch

from benchmarks.flicker import FPS, LOUDEST, RATE, Brightness, Loudness
from mmssl.batch import Batch
from mmssl.encoder import Encoder
from mmssl.modules.margin import margin_contrastive
from mmssl.objectives.synchrony.perfect_match import PerfectMatch
from mmssl.objectives.synchrony.sync_net import SyncNet, sync_loss
from tests.objectives.blind import trained_blind

Tiny = dict[str, type[Encoder]]
Make = Callable[..., Batch]
FORMS = pytest.mark.parametrize("form", [SyncNet, PerfectMatch])


def clicks(offset: int, frames: int = 75) -> Batch:
    """Flashes of random brightness, one a frame, and clicks as loud, `offset` frames later; nothing is rolled."""
    light = torch.rand(1, frames + 200, generator=torch.Generator().manual_seed(4))
    seen, heard = light[:, 100 : 100 + frames], light[:, 100 - offset : 100 - offset + frames]
    return Batch(
        video=(seen * 255).to(torch.uint8)[:, :, None, None, None].expand(-1, -1, 3, 4, 4),
        audio=heard.repeat_interleave(RATE // FPS, 1) * LOUDEST,
        start=torch.zeros(1, dtype=torch.float64),
        video_times=torch.arange(frames, dtype=torch.float64).unsqueeze(0) / FPS,
        seed=torch.zeros(1, dtype=torch.int64),
    )


def test_equals_a_loop_over_pairs(tiny: Tiny, build: Callable[..., SyncNet], with_holes: Make) -> None:
    objective, batch = build(SyncNet), with_holes()
    picture = objective.encoders["video"](batch.video).flatten(2, 3).mean(2).detach()
    pairs = []
    for i in (i for i in range(8) if batch.video_valid[i] and batch.audio_valid[i]):
        middles, sounds = [], []
        for w in range(8):
            middle = float(batch.video_times[i, w] - batch.start[i]) + 0.125
            begin = round(middle * 40 - 5)
            middles.append(middle if 0 < begin < 70 else None)
            begin = min(max(begin, 0), 70)
            sounds.append(
                objective.encoders["audio"](batch.audio[i : i + 1, begin : begin + 10]).mean((1, 2))[0].detach()
            )
        for w, here in enumerate(middles):
            for v, there in enumerate(middles):
                if here is not None and there is not None and 0.25 <= abs(there - here) <= 2:
                    pairs.append((1, (picture[i, w] - sounds[w]).norm()))
                    pairs.append((0, (picture[i, w] - sounds[v]).norm()))
    each = [y * d**2 + (1 - y) * max(1 - float(d), 0) ** 2 for y, d in pairs]
    loss, terms = objective(batch)
    assert loss.item() == pytest.approx(float(sum(each)) / (2 * len(each)), rel=1e-4)
    right = [float(pairs[n + 1][1] > pairs[n][1]) for n in range(0, len(pairs), 2)]
    assert terms["accuracy"].item() == pytest.approx(sum(right) / len(right), abs=1e-6)


def test_golden_value_of_the_margin() -> None:
    distance, same = torch.tensor([0.2, 0.9, 0.5, 1.5]), torch.tensor([True, True, False, False])
    assert margin_contrastive(distance, same, 1.0).sum().item() / 8 == pytest.approx(0.1375, abs=1e-6)


def test_equal_distances_have_a_closed_form() -> None:
    distance, apart = torch.full((2, 6, 6), 0.3), ~torch.eye(6, dtype=torch.bool).expand(2, 6, 6)
    assert sync_loss(distance, apart, 1.0).item() == pytest.approx((0.3**2 + 0.7**2) / 4)


@FORMS
def test_without_vision_it_stays_at_chance(form: type[SyncNet], build: Callable[..., SyncNet], sample: Make) -> None:
    objective, batch = build(form), sample(16)
    trained_blind(objective, sample, steps=80, lr=0.01)
    batch.video[:] = 128
    terms = objective(batch)[1]
    if form is SyncNet:  # both classes hold the same sounds equally often, so it is chance and not only near it
        assert terms["accuracy"].item() == pytest.approx(0.5, abs=1e-6)
    else:
        assert terms["accuracy"].item() == pytest.approx(1 / terms["sounds"].item(), abs=0.06)


@FORMS
@pytest.mark.parametrize("offset", [-10, -3, 0, 1, 10])
def test_finds_a_shift_at_every_window_up_to_the_ends(form: type[SyncNet], offset: int) -> None:
    track = form(video=Brightness(), audio=Loudness()).sync_distances(clicks(offset), 12)[0]
    assert track.shape == (71, 25)
    w, k = torch.arange(71).unsqueeze(1), torch.arange(-12, 13)
    inside = (w + k > 0) & (w + k < 70) & (w > 0) & (w < 70)
    assert torch.equal(~track.isnan(), inside), "what is not wholly in the clip, and nothing else, is masked"
    known = ~track[:, offset + 12].isnan()
    found = track.nan_to_num(nan=9.0).argmin(1)[known] - 12
    assert (found == offset).all()
    mean = track.nanmean(0)
    assert mean.argmin() - 12 == offset
    assert mean[offset + 12] < 0.01


@FORMS
def test_a_clip_without_sound_has_no_distance(form: type[SyncNet], build: Callable[..., SyncNet], sample: Make) -> None:
    batch = sample(4)
    batch.audio_valid[1] = batch.video_valid[2] = False
    track = build(form).sync_distances(batch, 2)
    assert track[1:3].isnan().all()
    assert not track[0].isnan().all()
