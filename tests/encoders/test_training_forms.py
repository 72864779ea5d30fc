"""Recomputed, laid out and sharded encoders are the same encoders."""

import copy
import shutil

import pytest
import torch
from torch import Tensor, nn

from mmssl.encoder import Encoder
from mmssl.encoders.video_small import VideoSmall
from mmssl.modules.resnet import Shortcut
from mmssl.training.layout import lay_channels_last
from mmssl.training.recompute import recompute

# Two tables, word vectors under one linear layer, and one vector for all: nothing in a row.
WITHOUT_BLOCKS = {"VideoBlank", "TextMean", "TextWords", "TextWords not frozen"}


def step(encoder: Encoder, inputs: Tensor) -> dict[str, Tensor]:
    """Features, gradients and buffers after one training step, which draws dropout."""
    torch.manual_seed(3)
    grid = encoder.train()(inputs)
    (grid * torch.linspace(-1, 1, grid.numel()).view(grid.shape)).sum().backward()
    gradients = {name: weight.grad for name, weight in encoder.named_parameters() if weight.grad is not None}
    return {"features": grid.detach(), **gradients, **{f"buffer {name}": b for name, b in encoder.named_buffers()}}


def test_blocks_are_parts_of_their_own(label: str, encoder: Encoder) -> None:
    blocks = encoder.units()
    assert bool(blocks) == (label not in WITHOUT_BLOCKS)
    inside = [id(weight) for block in blocks for weight in block.parameters()]
    assert len(inside) == len(set(inside))


def test_recomputed_it_learns_the_same_bit_for_bit(encoder: Encoder, inputs: Tensor) -> None:
    other = copy.deepcopy(encoder)
    names = list(encoder.state_dict())
    recompute(other.units())
    assert list(other.state_dict()) == names
    expected, found = step(encoder, inputs), step(other, inputs)
    assert expected.keys() == found.keys()
    for name, tensor in expected.items():
        assert torch.equal(tensor, found[name]), name
    # A copy of it computes with its own weights.
    another = copy.deepcopy(other)
    with torch.no_grad():
        for weight in another.parameters():
            weight.zero_()
    assert torch.equal(other.eval()(inputs), encoder.eval()(inputs))


def test_channels_last_it_is_equal_but_for_rounding(encoder: Encoder, inputs: Tensor) -> None:
    other = copy.deepcopy(encoder)
    lay_channels_last(other)
    formats: dict[type[nn.Module], torch.memory_format] = {
        nn.Conv2d: torch.channels_last,
        nn.Conv3d: torch.channels_last_3d,
    }
    for module in other.modules():
        if (wanted := formats.get(type(module))) is not None:
            assert module.get_parameter("weight").is_contiguous(memory_format=wanted)
    with torch.no_grad():
        torch.testing.assert_close(other.eval()(inputs), encoder.eval()(inputs), atol=1e-4, rtol=1e-3)
    for name, tensor in encoder.state_dict().items():
        assert torch.equal(tensor, other.state_dict()[name]), name


def test_few_channels_are_skipped_by_shortcuts_alone(encoder: Encoder) -> None:
    # Any other convolution would corrupt the heap, as the docstring of `Shortcut` says.
    for module in encoder.modules():
        if isinstance(module, nn.Conv2d) and not isinstance(module, Shortcut) and module.kernel_size == (1, 1):
            assert module.in_channels >= 16 or module.stride == (1, 1)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("c++") is None, reason="compiling for a processor needs a C++ compiler")
def test_compiled_for_a_processor_a_step_is_the_same() -> None:
    """At the quickstart's size: smaller ones compile where this one did not."""
    torch.manual_seed(0)
    encoder = VideoSmall()
    inputs = torch.randint(0, 256, (4, 4, 3, 64, 64), dtype=torch.uint8)
    other = copy.deepcopy(encoder)
    other.compile()
    expected, found = step(encoder, inputs), step(other, inputs)
    torch.testing.assert_close(found["features"], expected["features"], atol=1e-4, rtol=1e-4)
    for name, tensor in expected.items():  # where features are nearly 0, rounding lets a ReLU pass another gradient
        assert float((found[name] - tensor).double().norm()) <= 2e-2 * float(tensor.double().norm()), name
