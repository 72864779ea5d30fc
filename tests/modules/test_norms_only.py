"""Of a network only the norms train."""

import torch
from torch import nn

from mmssl.encoders.image_timm import ImageTimm
from mmssl.modules.norms_only import norms_only


def test_norms_alone_are_trained() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Linear(4, 4), nn.LayerNorm(4))
    assert norms_only(network) is network
    trained = [name for name, parameter in network.named_parameters() if parameter.requires_grad]
    assert trained == ["1.weight", "1.bias", "3.weight", "3.bias"]


def test_of_a_resnet_the_gradient_reaches_the_first_norm() -> None:
    image = norms_only(ImageTimm("test_resnet"))
    torch.autograd.backward(image(torch.rand(2, 1, 3, 32, 32)).square().mean())
    reached = {name for name, p in image.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0}
    assert reached
    assert all(p.ndim == 1 for n, p in image.named_parameters() if n in reached)
