"""Parts of a network that must not run in half precision."""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor
from torch.amp.autocast_mode import is_autocast_available


def full_precision(tensor: Tensor) -> AbstractContextManager[object]:
    """No autocast inside, on the tensor's device; nothing on devices that have none, such as meta."""
    kind = tensor.device.type
    return torch.autocast(kind, enabled=False) if is_autocast_available(kind) else nullcontext()
