import torch
from torch import nn

from mmssl.training.ema import Ema


def test_follows_the_weights_by_its_recurrence() -> None:
    model = nn.Linear(2, 1, bias=False)
    ema, expected = Ema(model, 0.5), model.weight.detach().clone()
    for step in range(20):
        with torch.no_grad():
            model.weight.copy_(torch.full((1, 2), float(step)))
        ema.update(step)
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * step
    torch.testing.assert_close(ema.averages["weight"], expected)


def test_lends_its_weights_and_gives_the_live_ones_back() -> None:
    model = nn.Linear(2, 1)
    ema, live = Ema(model, 0.9), model.weight.detach().clone()
    ema.averages["weight"].fill_(7)
    with ema.weights():
        assert (model.weight == 7).all()
    assert torch.equal(model.weight, live)


def test_keeps_nothing_without_decay() -> None:
    model = nn.Linear(2, 1)
    ema = Ema(model, 0)
    ema.update(0)
    assert ema.averages == {}
