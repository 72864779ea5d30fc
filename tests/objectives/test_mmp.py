"""MMP against a loop over its three losses; translations are no negatives of each other."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from mmssl.batch import Batch
from mmssl.encoder import Encoder
from mmssl.objectives.contrastive.mmp import MMP, fewer_words

Sample = Callable[..., Batch]
Changed = Callable[..., Batch]
Tiny = dict[str, type[Encoder]]


def contrasted(rows: Tensor, columns: Tensor, related: Tensor) -> float:
    """Both ways, with the paper's sums over the batch written out; `related` pairs but the true ones are left out."""
    total = 0.0
    for i in range(len(rows)):
        for anchor, others in ((rows[i], columns), (columns[i], rows)):
            keep = [
                j for j in range(len(rows)) if i == j or not (related[i, j] if others is columns else related[j, i])
            ]
            below = sum(math.exp(float(anchor @ others[j]) / 0.1) for j in keep)
            total -= math.log(math.exp(float(anchor @ others[i]) / 0.1) / below)
    return total / 2 / len(rows)


def left_out(related: Tensor, text: Tensor, caption: int) -> Tensor:
    """`[B, B]`, clips of one group, and those whose caption is among the captions of the other."""
    repeats = (text.unsqueeze(2) == text[:, caption]).all(-1).any(1)
    return related | repeats


@pytest.fixture
def objective(tiny: Tiny) -> MMP:
    torch.manual_seed(0)
    return MMP(video=tiny["video"](), text=tiny["text"](), dim=12, temperature=0.1, intra=0.5, cross=2.0)


def test_equals_a_loop(objective: MMP, sample: Sample, changed: Changed) -> None:
    batch = changed(sample(6, captions=3), group=torch.tensor([0, 1, 2, 0, 3, 4]))
    text = batch.text.clone()
    text[5, 2] = text[1, 0]  # one line under two clips
    batch = changed(batch, text=text)
    related = batch.group.unsqueeze(1) == batch.group
    v = {name: vectors.detach().double() for name, vectors in objective.represent(batch).items()}
    loss, terms = objective(batch)
    spoken = [(c, d) for c in range(3) for d in range(c + 1, 3)]
    inter = sum(contrasted(v["video"], v["text"][:, c], left_out(related, text, c)) for c in range(3)) / 3
    assert terms["inter_loss"].item() == pytest.approx(inter, rel=1e-4)
    intra = contrasted(v["video"], v["other_video"], related)
    intra += sum(contrasted(v["text"][:, c], v["other_text"][:, c], left_out(related, text, c)) for c in range(3))
    assert terms["intra_loss"].item() == pytest.approx(intra / 4, rel=1e-4)
    cross = sum(contrasted(v["text"][:, c], v["text"][:, d], left_out(related, text, d)) for c, d in spoken) / 3
    assert terms["cross_loss"].item() == pytest.approx(cross, rel=1e-4)
    assert loss.item() == pytest.approx(inter + 0.5 * intra / 4 + 2 * cross, rel=1e-4)


def test_at_chance(tiny: Tiny, sample: Sample) -> None:
    objective = MMP(video=tiny["video"](), text=tiny["text"](), dim=4)
    for name, parameter in objective.heads.named_parameters():
        torch.nn.init.constant_(parameter, 1.0 if name.endswith("bias") else 0.0)
    assert objective(sample(8))[0].item() == pytest.approx(3 * math.log(8), rel=1e-5)


def test_translations_are_no_negatives(
    tiny: Tiny, sample: Sample, changed: Changed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second caption just like the first one changes nothing: neither is in the denominator of the other."""
    objective, batch = MMP(video=tiny["video"](), text=tiny["text"](), dim=5, intra=0.0, cross=0.0), sample(6)
    video, text = (functional.normalize(torch.randn(6, n, 5), dim=-1) for n in (1, 1))
    found = []
    for captions in (1, 2):
        vectors = {"video": video[:, 0], "text": text.expand(6, captions, 5)}
        monkeypatch.setattr(objective, "represent", lambda _, vectors=vectors: vectors)
        part = changed(batch, text=batch.text[:, :captions], text_valid=batch.text_valid[:, :captions])
        found.append(objective(part)[1]["inter_loss"])
    torch.testing.assert_close(*found)


def test_one_language_has_no_cross_lingual_loss(tiny: Tiny, sample: Sample) -> None:
    _, terms = MMP(video=tiny["video"](), text=tiny["text"](), dim=8)(sample(4, captions=1))
    assert set(terms) == {"inter_loss", "intra_loss", "accuracy"}


def test_second_view_lacks_words_but_never_all() -> None:
    text = torch.arange(4 * 2 * 50).view(4, 2, 50)
    seeds = torch.arange(4)
    fewer = fewer_words(text, seeds, 0.3)
    assert (fewer[..., 0] == text[..., 0]).all()
    assert ((fewer == text) | (fewer == -1)).all()
    assert 0.2 < (fewer == -1).float().mean() < 0.4
    assert torch.equal(fewer[1:], fewer_words(text[1:], seeds[1:], 0.3))
