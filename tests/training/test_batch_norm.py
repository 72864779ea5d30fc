import copy

import pytest
import torch
from torch import nn

from mmssl.training.batch_norm import SharedBatchNorm, share_statistics


@pytest.mark.parametrize("momentum", [0.1, None])
@pytest.mark.parametrize("affine", [True, False])
def test_one_process_is_as_torch_does_it(momentum: float | None, affine: bool) -> None:
    torch.manual_seed(0)
    expected = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4, momentum=momentum, affine=affine))
    model = share_statistics(copy.deepcopy(expected), torch.device("cpu"))
    assert isinstance(model.get_submodule("1"), SharedBatchNorm)
    assert model.state_dict().keys() == expected.state_dict().keys()
    for _ in range(3):
        inputs = torch.randn(5, 3, 2, 6) + 9
        one, two = inputs.clone().requires_grad_(), inputs.clone().requires_grad_()
        for network, x in ((expected, one), (model, two)):
            network(x).pow(3).sum().backward()
        torch.testing.assert_close(model(inputs), expected(inputs), rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(two.grad, one.grad, rtol=1e-3, atol=1e-3)
    model.eval(), expected.eval()
    torch.testing.assert_close(model(inputs), expected(inputs), rtol=1e-4, atol=1e-5)
