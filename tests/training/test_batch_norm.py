import copy

import pytest
import torch
from torch import nn

from mmssl.encoders.image_timm import ImageTimm
from mmssl.errors import UsageError
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


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_norms_of_timm_are_shared_and_still_activate(device: str) -> None:
    """EfficientNet's `BatchNormAct2d` activates; torch's conversion for CUDA would leave that away."""
    torch.manual_seed(0)
    plain = ImageTimm("test_efficientnet")
    model = share_statistics(copy.deepcopy(plain), torch.device(device))
    norms = [module for module in model.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    assert norms
    assert all(isinstance(module, (SharedBatchNorm, nn.SyncBatchNorm)) for module in norms)
    assert model.state_dict().keys() == plain.state_dict().keys()
    pictures = torch.randint(0, 256, (3, 1, 3, 64, 64), dtype=torch.uint8)
    # On the processor torch's own runs in eval mode alone.
    for training in (True, False) if device == "cpu" else (False,):
        torch.testing.assert_close(
            model.train(training)(pictures), plain.train(training)(pictures), rtol=1e-4, atol=1e-5
        )


def test_a_norm_of_an_unknown_kind_is_refused() -> None:
    class Own(nn.BatchNorm2d):
        """Does something else as well."""

    with pytest.raises(UsageError, match="Own is a batch normalization of its own"):
        share_statistics(nn.Sequential(Own(2)), torch.device("cuda"))
