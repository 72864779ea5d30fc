"""What every encoder must keep; classes are found by walking the folder."""

import copy
import importlib
import pkgutil
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

import mmssl.encoders
from mmssl.encoder import Encoder

# A softmax does not change when the same is added to every key, so these never have a gradient.
NO_GRADIENT = re.compile(r"(key|k_proj)\.bias$")


def classes() -> list[type[Encoder]]:
    found = set()
    for module in pkgutil.iter_modules(mmssl.encoders.__path__, "mmssl.encoders."):
        for value in vars(importlib.import_module(module.name)).values():
            if isinstance(value, type) and issubclass(value, Encoder) and value.__module__ == module.name:
                found.add(value)
    return sorted(found, key=lambda value: value.__name__)


def features(encoder: Encoder, inputs: Tensor) -> Tensor:
    # torch's attention rounds otherwise where no gradient is wanted.
    with torch.no_grad():
        return encoder.eval()(inputs)  # type: ignore[no-any-return]


@pytest.fixture
def seen(encoder: Encoder, inputs: Tensor) -> Tensor:
    return features(encoder, inputs)


def test_every_class_has_a_tiny_instance(request: pytest.FixtureRequest, tiny: Callable[[str], Encoder]) -> None:
    # The table stands in conftest.py beside this file.
    labels = request.getfixturevalue("labels")
    assert {type(tiny(label)) for label in labels} == set(classes())


def test_is_documented(encoder: Encoder) -> None:
    assert "[B," in (type(encoder).__doc__ or ""), "the docstring of an encoder says its shapes"
    assert encoder.modality in ("video", "audio", "text")


def test_map_and_pool_have_their_shapes(encoder: Encoder, inputs: Tensor, seen: Tensor) -> None:
    assert seen.ndim == {"video": 5, "audio": 4, "text": 3}[encoder.modality]
    assert len(seen) == len(inputs)
    assert seen.shape[-1] == encoder.dim
    assert seen.dtype == torch.float32
    assert seen.isfinite().all()
    mask = encoder.mask(inputs)
    assert (mask is None) == (encoder.modality != "text")
    assert mask is None or mask.shape == seen.shape[:-1]
    assert encoder.pool(seen, mask).shape == (len(inputs), encoder.dim)
    # Heads change D before the pool, so it may not count on its own.
    assert encoder.pool(seen[..., :3], mask).shape == (len(inputs), 3)


def test_pool_without_mask_is_pool_of_everything(encoder: Encoder, seen: Tensor) -> None:
    everything = torch.ones(seen.shape[:-1], dtype=torch.bool)
    torch.testing.assert_close(encoder.pool(seen), encoder.pool(seen, everything))


def test_padding_changes_nothing(encoder: Encoder, inputs: Tensor, seen: Tensor) -> None:
    mask = encoder.mask(inputs)
    if mask is None:
        return
    longer = torch.cat((inputs, torch.full((len(inputs), 3), -1)), dim=1)
    again = encoder(longer)
    longer_mask = encoder.mask(longer)
    assert longer_mask is not None
    torch.testing.assert_close(again[longer_mask], seen[mask], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(encoder.pool(again, longer_mask), encoder.pool(seen, mask), atol=1e-5, rtol=1e-4)


def test_caption_without_words_is_finite(encoder: Encoder, inputs: Tensor) -> None:
    if encoder.modality != "text":
        return
    inputs[0] = -1
    grid = encoder(inputs)
    pooled = encoder.pool(grid, encoder.mask(inputs))
    torch.autograd.backward(pooled.sum())
    assert grid.isfinite().all()
    assert pooled.isfinite().all()
    assert all(p.grad is None or p.grad.isfinite().all() for p in encoder.parameters())


def test_gradient_reaches_every_parameter(encoder: Encoder, inputs: Tensor) -> None:
    with torch.no_grad():
        for parameter in encoder.parameters():
            if not parameter.any():  # branches that begin at zero would hide what is behind them
                parameter.add_(0.1)
    grid = encoder.train()(inputs)
    (grid * torch.randn(grid.shape, generator=torch.Generator().manual_seed(2))).sum().backward()
    for name, parameter in encoder.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None, name
            assert parameter.grad.isfinite().all(), name
            assert NO_GRADIENT.search(name) or parameter.grad.any(), name


def test_clip_does_not_depend_on_its_neighbors(encoder: Encoder, inputs: Tensor, seen: Tensor) -> None:
    torch.testing.assert_close(encoder(inputs[1:2]), seen[1:2], atol=1e-5, rtol=1e-4)


def test_one_clip_trains(encoder: Encoder, inputs: Tensor) -> None:
    assert encoder.train()(inputs[:1]).isfinite().all()


def test_same_input_same_output(encoder: Encoder, inputs: Tensor, seen: Tensor) -> None:
    assert torch.equal(features(encoder, inputs), seen)


def test_uint8_equals_floating_point(encoder: Encoder, inputs: Tensor, seen: Tensor) -> None:
    if encoder.modality == "video":
        torch.testing.assert_close(encoder(inputs.float() / 255), seen)


def test_weights_round_trip(
    label: str, encoder: Encoder, inputs: Tensor, seen: Tensor, tiny: Callable[[str], Encoder], tmp_path: Path
) -> None:
    save_file(encoder.state_dict(), tmp_path / "weights.safetensors")
    other = tiny(label)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.add_(0.1)
    other.load_state_dict(load_file(tmp_path / "weights.safetensors"))
    assert torch.equal(features(other, inputs), seen)


def test_can_be_copied(encoder: Encoder, inputs: Tensor, seen: Tensor) -> None:
    assert torch.equal(features(copy.deepcopy(encoder), inputs), seen)


def test_half_precision(encoder: Encoder, inputs: Tensor, seen: Tensor) -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half = encoder(inputs)
    near = torch.nn.functional.cosine_similarity(half.float().flatten(1), seen.flatten(1))
    assert (near > 0.98).all(), near


def test_compiles(encoder: Encoder, inputs: Tensor, seen: Tensor) -> None:
    torch._dynamo.reset()
    compiled = torch.compile(encoder, backend="eager")
    torch.testing.assert_close(compiled(inputs), seen, atol=1e-5, rtol=1e-4)


@pytest.mark.gpu
def test_gpu_equals_processor(encoder: Encoder, inputs: Tensor, seen: Tensor) -> None:
    there = features(encoder.cuda(), inputs.cuda())
    assert there.device.type == "cuda"
    near = torch.nn.functional.cosine_similarity(there.cpu().flatten(1), seen.flatten(1))
    assert (near > 0.999).all(), near
