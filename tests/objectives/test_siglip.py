"""SigLIP against a loop over pairs, its values without likeness, several positives, and the trap of a bias of 0.

The formula's golden values, gradient and ring are tested with it, in `tests/modules/test_sigmoid.py` and
`test_world.py`.
"""

import math
from collections.abc import Callable

import pytest
import torch

from mmssl.batch import Batch
from mmssl.encoder import Encoder
from mmssl.modules.scores import Pooled
from mmssl.modules.sigmoid import sigmoid_loss
from mmssl.modules.tiles import Side
from mmssl.objectives.contrastive.siglip import SigLIP

Sample = Callable[..., Batch]
Tiny = dict[str, type[Encoder]]


def built(tiny: Tiny, bias: float = -10.0) -> SigLIP:
    torch.manual_seed(0)
    return SigLIP(video=tiny["video"](), text=tiny["text"](), dim=8, bias=bias)


def test_starts_where_the_paper_does(tiny: Tiny, sample: Sample) -> None:
    _, terms = built(tiny)(sample())
    assert terms["scale"].item() == pytest.approx(10)
    assert terms["bias"].item() == -10


def test_all_captions_are_positives_and_groups_are_not_asked_about(tiny: Tiny, with_holes: Sample) -> None:
    objective, batch = built(tiny, bias=-1.0), with_holes()
    vectors = {name: value.detach() for name, value in objective.represent(batch).items()}
    total, clips = 0.0, set()
    words = [[tuple(caption) for caption in captions] for captions in batch.text.tolist()]
    for i in range(8):
        for j in range(8):
            for k in range(2):
                if not (batch.video_valid[i] and batch.text_valid[j, k]):
                    continue
                own = {words[i][c] for c in range(2) if batch.text_valid[i, c]}
                if i != j and (batch.group[i] == batch.group[j] or words[j][k] in own):
                    continue
                sign = 1 if i == j else -1
                logit = 10 * float(vectors["video"][i] @ vectors["text"][j, k]) - 1
                total += math.log1p(math.exp(-sign * logit))
                clips |= {i} if i == j else set()
    assert 0 < len(clips) < 8
    assert objective(batch)[0].item() == pytest.approx(total / len(clips), rel=1e-5)


@pytest.mark.parametrize("captions", [1, 3])
def test_perfect_positives_among_orthogonal_vectors(captions: int) -> None:
    vectors = torch.eye(50, dtype=torch.float64)
    there, keys = torch.ones(50, dtype=torch.bool), torch.arange(50).unsqueeze(1)
    rows = Side((vectors[:, :0], vectors), there, keys)
    columns = vectors.unsqueeze(1).expand(-1, captions, -1)
    labels = there.unsqueeze(1).expand(-1, captions), keys.unsqueeze(1).expand(-1, captions, 1)
    loss = sigmoid_loss(Pooled(), rows, Side((columns,), *labels), torch.tensor(10.0), torch.tensor(-10.0))
    # Of N = 32,768 it is ln 2 + 32,767 ln(1 + exp(-10)) = 2.180733.
    assert loss.item() == pytest.approx(captions * (math.log(2) + 49 * math.log1p(math.exp(-10))))
    assert math.log(2) + 32_767 * math.log1p(math.exp(-10)) == pytest.approx(2.180733, abs=1e-6)


@pytest.mark.parametrize(("bias", "slope"), [(0.0, 63 / 2 - 1 / 2), (-10.0, -1.0)])
def test_with_a_bias_of_0_negatives_alone_decide_the_first_step(bias: float, slope: float) -> None:
    nothing, there = torch.zeros(64, 1), torch.ones(64, dtype=torch.bool)
    keys, start = torch.arange(64).unsqueeze(1), torch.tensor(bias, requires_grad=True)
    columns = Side((nothing.unsqueeze(1),), there.unsqueeze(1), keys.unsqueeze(1))
    loss = sigmoid_loss(Pooled(), Side((nothing, nothing), there, keys), columns, torch.tensor(10.0), start)
    torch.autograd.backward(loss)
    assert start.grad is not None
    assert start.grad.item() == pytest.approx(slope, abs=0.01), "63 pairs push and one pulls, or that one alone"
