"""Heads act at each place by itself."""

import torch
from torch import nn

from mmssl.modules.heads import projection


def test_linear_and_perceptron_shapes() -> None:
    assert isinstance(projection(6, 4), nn.Linear)
    places = torch.randn(2, 3, 5, 6)
    for head in (projection(6, 4), projection(6, 4, hidden=7)):
        assert head(places).shape == (2, 3, 5, 4)
        torch.testing.assert_close(head(places)[1, 2, 3], head(places[1, 2, 3]))
    assert [tuple(p.shape) for p in projection(6, 4, hidden=7).parameters()] == [(7, 6), (7,), (4, 7), (4,)]
