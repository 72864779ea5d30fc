"""Parts of a network that must not run in half precision."""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor


def full_precision(tensor: Tensor) -> AbstractContextManager[object]:
    """No autocast inside, on the tensor's device; nothing on meta, which has none."""
    kind = tensor.device.type
    off = kind == "meta" or not torch.is_autocast_enabled(kind)
    return nullcontext() if off else torch.autocast(kind, enabled=False)
