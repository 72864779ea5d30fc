"""How convolutions lie in memory."""

import torch
from torch import nn

_FORMATS: dict[type[nn.Module], torch.memory_format] = {
    nn.Conv2d: torch.channels_last,
    nn.Conv3d: torch.channels_last_3d,
}


def lay_channels_last(model: nn.Module) -> None:
    """Weights of convolutions with their channels last, which the features then follow.

    The same numbers in another order, so equal but for rounding; a checkpoint holds them in the usual one. Matrix units
    for bfloat16 want it; 3-D convolutions in float32 do not get faster by it (`benchmarks/encoders.py`).
    """
    for module in model.modules():
        if (format_ := _FORMATS.get(type(module))) is not None:
            weight = module.get_parameter("weight")
            weight.data = weight.data.contiguous(memory_format=format_)
