"""Support-set captioning against a loop; what each support may look at; padding that is never told."""

import math
from collections.abc import Callable

import pytest
import torch
from torch.nn import functional

from mmssl.batch import Batch
from mmssl.encoder import Encoder
from mmssl.errors import UsageError
from mmssl.modules.captioner import Captioner
from mmssl.modules.support import Cross, Full, Hybrid, Identity, NoSupport, Support, named
from mmssl.objectives.generation.support_set import SupportSet

Sample = Callable[..., Batch]
Changed = Callable[..., Batch]
Make = Callable[[Support], SupportSet]


@pytest.fixture
def make(tiny: dict[str, type[Encoder]]) -> Make:
    def built(support: Support) -> SupportSet:
        torch.manual_seed(0)
        return SupportSet(video=tiny["video"](), text=tiny["text"](), vocabulary=24, dim=16, support=support)

    return built


def test_equals_a_loop(make: Make, sample: Sample, changed: Changed) -> None:
    batch = changed(sample(5, captions=1), group=torch.tensor([7, 8, 7, 9, 10]))
    batch.text[:3, :, 3:] = -1
    objective = make(Cross())
    v = {name: vectors.detach() for name, vectors in objective.represent(batch).items()}
    told = []
    for i in range(5):
        others = [j for j in range(5) if batch.group[j] != batch.group[i]]
        powers = [math.exp(float(v["text"][i, 0] @ v["video"][j]) / 0.1) for j in others]
        vector = sum(p / sum(powers) * v["video"][j] for p, j in zip(powers, others, strict=True))
        assert isinstance(vector, torch.Tensor)
        words = [int(word) for word in batch.text[i, 0] if word >= 0]
        for place, word in enumerate(words + ([24] if len(words) < 5 else [])):
            seen = torch.tensor([words[:place]], dtype=torch.int64)
            logits = objective.captioner(vector.unsqueeze(0), seen)[0, -1]
            told.append(-float(functional.log_softmax(logits.detach(), -1)[word]))
    loss, terms = objective(batch)
    assert terms["captioning_loss"].item() == pytest.approx(sum(told) / len(told), rel=1e-4)
    torch.testing.assert_close(loss.detach(), terms["contrast_loss"] + terms["captioning_loss"])


def test_at_chance(make: Make, sample: Sample) -> None:
    objective = make(Full())
    for name, parameter in [*objective.heads.named_parameters(), *objective.captioner.out.named_parameters()]:
        torch.nn.init.constant_(parameter, 1.0 if name.endswith("bias") else 0.0)
    _, terms = objective(sample(8, captions=1))
    assert terms["contrast_loss"].item() == pytest.approx(math.log(8), rel=1e-5)
    assert terms["captioning_loss"].item() == pytest.approx(math.log(25), rel=1e-5)
    assert terms["entropy"].item() == pytest.approx(math.log(8), rel=1e-4)


def test_what_each_support_looks_at() -> None:
    scores, own = torch.randn(4, 4), torch.eye(4, dtype=torch.bool)
    related, there = own.clone(), torch.tensor([True, True, False, True])
    related[0, 1] = related[1, 0] = True
    given = (scores, own, related, there)
    assert NoSupport()(*given) == ()
    (identity,), (full,), (cross,) = (support(*given) for support in (Identity(), Full(), Cross()))
    assert torch.equal(identity, torch.diag(there.float()))
    torch.testing.assert_close(full.sum(1), torch.ones(4))
    torch.testing.assert_close(cross.sum(1), torch.ones(4))
    assert (cross.diagonal() == 0).all()
    assert cross[0, 1] == cross[1, 0] == 0
    assert (full[:, 2] == 0).all()
    assert (cross[:, 2] == 0).all()
    torch.testing.assert_close(full[0, [0, 1, 3]], scores[0, [0, 1, 3]].softmax(0))
    for one, other in zip(Hybrid()(*given), (full, identity), strict=True):
        assert torch.equal(one, other)
    alone = Cross()(scores, own, torch.ones_like(own), there)[0]
    assert torch.equal(alone, torch.zeros(4, 4))


def test_hybrid_is_the_mean_of_two_losses(make: Make, sample: Sample) -> None:
    batch = sample(6)
    losses = [make(support)(batch)[1]["captioning_loss"] for support in (Full(), Identity(), Hybrid())]
    torch.testing.assert_close(losses[2], (losses[0] + losses[1]) / 2)


def test_none_is_contrast_alone_and_trains_no_captioner(make: Make, sample: Sample) -> None:
    objective, batch = make(NoSupport()), sample(6)
    loss, terms = objective(batch)
    assert set(terms) == {"contrast_loss", "accuracy"}
    torch.testing.assert_close(loss.detach(), make(Cross())(batch)[1]["contrast_loss"])
    assert not any(parameter.requires_grad for parameter in objective.captioner.parameters())


def test_videos_of_others_get_a_gradient_from_a_caption(make: Make, sample: Sample) -> None:
    objective, batch = make(Cross()), sample(4, captions=1)
    vectors = objective.represent(batch)
    video = vectors["video"].detach().requires_grad_()
    (weights,) = objective.weights(video, vectors["text"][:, 0], batch)
    objective.captioner(weights[:1] @ video, batch.text[:1, 0]).sum().backward()
    assert video.grad is not None
    assert (video.grad[1:].abs().sum(1) > 0).all()
    assert (video.grad[0] == 0).all()


def test_captioner_sees_neither_later_words_nor_padding() -> None:
    torch.manual_seed(0)
    captioner, vector = Captioner(9, 4, 8, depth=2, heads=2), torch.randn(1, 4)
    whole = captioner(vector, torch.tensor([[3, 5, 7, -1]]))
    assert whole.shape == (1, 5, 10)
    torch.testing.assert_close(captioner(vector, torch.tensor([[3, 5, 1, 2]]))[:, :3], whole[:, :3])
    torch.testing.assert_close(captioner(vector, torch.tensor([[3, 5, 7]])), whole[:, :4])
    assert not torch.allclose(captioner(-vector, torch.tensor([[3, 5, 7, -1]])), whole)


def test_names() -> None:
    assert named("hybrid") == Hybrid()
    with pytest.raises(UsageError, match="none, identity, full, cross, hybrid"):
        named("crossed")
