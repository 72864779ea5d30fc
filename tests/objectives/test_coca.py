"""CoCa: labels, losses against loops, what may see what, and captions that are told."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from mmssl.batch import Batch
from mmssl.encoder import Encoder
from mmssl.encoders.text_causal import TextCausal
from mmssl.encoders.text_transformer import TextTransformer
from mmssl.errors import UsageError
from mmssl.evaluate.captioning import Captioner
from mmssl.modules.captioning import next_words, surprise
from mmssl.objectives.contrastive.clip import CLIP
from mmssl.objectives.generation.coca import CoCa

Sample = Callable[..., Batch]
Changed = Callable[..., Batch]
Tiny = dict[str, type[Encoder]]


def built(tiny: Tiny) -> CoCa:
    torch.manual_seed(0)
    text = TextCausal(24, dim=16, depth=1, heads=2)
    return CoCa(video=tiny["video"](), text=text, vocabulary=24, dim=16, depth=1, heads=2, queries=4)


def test_labels_are_the_next_words_and_the_end() -> None:
    ids = torch.tensor([[5, 6, -1, -1], [5, 6, 7, 8], [-1, -1, -1, -1]])
    expected = [[5, 6, 9, -1, -1], [5, 6, 7, 8, -1], [-1, -1, -1, -1, -1]]  # a full caption may have been cut
    assert next_words(ids, end=9).tolist() == expected


def test_surprise_equals_a_loop_and_is_the_logarithm_of_the_words_at_chance() -> None:
    logits, labels = torch.randn(3, 4, 6), torch.tensor([[0, 5, -1, -1], [1, 2, 3, 4], [-1, -1, -1, -1]])
    found = surprise(logits, labels)
    for b in range(3):
        for n in range(4):
            label = int(labels[b, n])
            powers = [math.exp(value) for value in logits[b, n].tolist()]
            expected = -math.log(powers[label] / sum(powers)) if label >= 0 else 0.0
            assert found[b, n].item() == pytest.approx(expected, abs=1e-5)
    assert surprise(torch.zeros(1, 1, 25), torch.tensor([[3]])).item() == pytest.approx(math.log(25))


def test_loss_is_contrast_and_twice_the_mean_surprise_of_words(tiny: Tiny, with_holes: Sample) -> None:
    objective, batch = built(tiny), with_holes()
    batch.text, batch.text_valid = batch.text[:, :1], batch.text_valid[:, :1]
    loss, terms = objective(batch)
    picture = objective.pictured.pooled(objective.encoders["video"](batch.video))
    told = objective.logits(batch.text[:, 0], picture).log_softmax(-1)
    losses = []
    for clip in range(8):
        words = [word for word in batch.text[clip, 0].tolist() if word >= 0]
        if not (batch.video_valid[clip] and batch.text_valid[clip, 0]):
            continue
        losses += [-told[clip, n, word].item() for n, word in enumerate(words)]
        losses += [-told[clip, len(words), 24].item()] if len(words) < 5 else []
    assert terms["captioning"].item() == pytest.approx(sum(losses) / len(losses), rel=1e-5)
    assert loss.item() == pytest.approx((terms["contrastive"] + 2 * terms["captioning"]).item())


def test_its_contrast_is_clips(tiny: Tiny, sample: Sample) -> None:
    objective, batch = built(tiny), sample(captions=1)

    class Same(CLIP):
        def represent(self, batch: Batch) -> dict[str, Tensor]:
            return objective.represent(batch)

    clip = Same(video=tiny["video"](), text=tiny["text"]())
    torch.testing.assert_close(objective(batch)[1]["contrastive"], clip(batch)[0].detach())


def test_no_word_sees_a_later_one_and_padding_is_not_there(tiny: Tiny, sample: Sample) -> None:
    objective, batch = built(tiny).eval(), sample()
    picture = objective.pictured.pooled(objective.encoders["video"](batch.video))
    ids = batch.text[:, 0].clone()
    before = objective.logits(ids, picture)
    for place in range(5):
        later = ids.clone()
        later[:, place] = (later[:, place] + 1) % 24
        after = objective.logits(later, picture)
        torch.testing.assert_close(after[:, : place + 1], before[:, : place + 1])
        assert not torch.isclose(after[:, place + 1], before[:, place + 1]).all()
    longer = torch.cat([ids, torch.full((8, 3), -1)], 1)
    torch.testing.assert_close(objective.logits(longer, picture)[:, :6], before)
    one, other = (objective.embed(Batch(text=words.unsqueeze(1)))["text"] for words in (ids, longer))
    torch.testing.assert_close(one, other)


def test_the_unimodal_half_does_not_see_the_picture(tiny: Tiny, sample: Sample, changed: Changed) -> None:
    objective, batch = built(tiny), sample()
    one, other = (objective.represent(given) for given in (batch, changed(batch, video=255 - batch.video)))
    assert torch.equal(one["text"], other["text"])
    assert not torch.allclose(one["surprise"], other["surprise"])


def test_words_that_see_later_ones_are_refused(tiny: Tiny) -> None:
    with pytest.raises(UsageError, match="TextTransformer lets words see later ones"):
        CoCa(video=tiny["video"](), text=TextTransformer(24, 16, 1, 2))


def test_tells_the_captions_that_it_has_learnt(tiny: Tiny, sample: Sample) -> None:
    objective, batch = built(tiny), sample(4, captions=1)
    batch.text[:2, 0, 3:] = -1
    optimizer = torch.optim.Adam(objective.parameters(), 0.01)
    for _ in range(150):
        loss, _ = objective(batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    told = objective.eval().caption(batch, 5)
    assert isinstance(objective, Captioner)
    assert torch.equal(told, batch.text[:, 0])
    guesses, labels = objective.next_words(batch)
    assert torch.equal(guesses[labels >= 0], labels[labels >= 0])
