"""CLIP against golden values, figure 3 of the paper, chance, and the caption that is drawn."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from mmssl.batch import Batch
from mmssl.encoder import Encoder
from mmssl.encoders.clip_open import ClipImage, ClipText
from mmssl.errors import UsageError
from mmssl.modules.contrast import contrast
from mmssl.modules.picture_text import one_caption
from mmssl.modules.scores import Pooled
from mmssl.modules.tiles import Side
from mmssl.objectives.contrastive.clip import CLIP, clip_loss

Sample = Callable[..., Batch]
Tiny = dict[str, type[Encoder]]
Scored = Callable[..., tuple[Side, Side]]


def of(scored: Scored, scores: Tensor, scale: float = 1.0) -> float:
    sides = scored(scores.unsqueeze(2))
    return clip_loss(contrast(Pooled(), *sides, torch.tensor(scale, dtype=scores.dtype))).item()


def test_golden_values(scored: Scored) -> None:
    step = torch.arange(4, dtype=torch.float64)
    scores = torch.sin(3 * step.unsqueeze(1) + step)
    assert of(scored, scores) == pytest.approx(1.615460, abs=1e-6)
    label = torch.arange(4)
    colder = scores / 0.07
    assert functional.cross_entropy(colder, label).item() == pytest.approx(9.925809, abs=1e-6)
    expected = (functional.cross_entropy(colder, label) + functional.cross_entropy(colder.T, label)) / 2
    assert of(scored, scores, 1 / 0.07) == pytest.approx(expected.item())


@pytest.mark.parametrize("count", [2, 5, 64])
def test_chance_is_the_logarithm_of_the_candidates(count: int, scored: Scored) -> None:
    assert of(scored, torch.zeros(count, count)) == pytest.approx(math.log(count), abs=1e-5)


def test_equals_figure_3(tiny: Tiny, sample: Sample) -> None:
    objective, batch = CLIP(video=tiny["video"](), text=tiny["text"](), dim=8), sample(6, captions=1)
    vectors = objective.represent(batch)
    image, text = vectors["video"].detach(), vectors["text"][:, 0].detach()
    losses = []
    for n in range(6):
        for others in (text @ image[n], image @ text[n]):
            logits = [math.exp(float(score) / 0.07) for score in others]
            losses.append(-math.log(logits[n] / sum(logits)))
    loss, terms = objective(batch)
    assert loss.item() == pytest.approx(sum(losses) / 12, rel=1e-5)
    assert terms["temperature"].item() == pytest.approx(0.07)


def test_one_caption_that_is_there_is_drawn_evenly_from_the_seed(sample: Sample) -> None:
    batch = sample(400, captions=3)
    batch.text = torch.arange(3).view(1, 3, 1).expand(400, 3, 5).clone()
    batch.text_valid[:, 1] = False
    batch.text_valid[0] = False
    one = one_caption(batch)
    assert one.text.shape == (400, 1, 5)
    assert one.text_valid.squeeze(1).tolist() == [False] + [True] * 399
    drawn = one.text[1:, 0, 0]
    assert set(drawn.tolist()) == {0, 2}
    assert 150 < (drawn == 2).sum() < 250
    assert torch.equal(one_caption(batch[7:20]).text, one.text[7:20]), "of the clip's own seed alone"


def test_the_scale_stays_below_100(tiny: Tiny, sample: Sample) -> None:
    objective, batch = CLIP(video=tiny["video"](), text=tiny["text"](), dim=8), sample()
    with torch.no_grad():
        objective.temperature.log_scale.fill_(9.0)
    objective.after_step(0.5)
    loss, terms = objective(batch)
    loss.backward()
    assert terms["temperature"].item() == pytest.approx(0.01)
    assert objective.temperature.log_scale.grad != 0, "at the bound it can come back"


def test_learns_on_the_towers_of_open_clip(clip: str, sample: Sample) -> None:
    torch.manual_seed(0)
    objective, batch = CLIP(video=ClipImage(clip), text=ClipText(clip), dim=0), sample(4, captions=1)
    batch.text[:, :, -1] = 49407
    optimizer = torch.optim.Adam(objective.parameters(), 3e-3)
    losses = []
    for _ in range(12):
        loss, _ = objective(batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] * 0.8
    assert all(p.grad is not None and p.grad.isfinite().all() for p in objective.parameters())
    assert objective.embed(batch)["video"].shape == (4, 8)


def test_no_heads_need_one_size(tiny: Tiny) -> None:
    with pytest.raises(UsageError, match="16 for video, 12 for text"):
        CLIP(video=tiny["video"](), text=tiny["text"](12), dim=0)  # type: ignore[call-arg]
