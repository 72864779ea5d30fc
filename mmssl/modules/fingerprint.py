"""A hash of a module's weights and buffers, which differs where what it computes does."""

import hashlib

import torch
from torch import nn


def fingerprint(module: nn.Module) -> str:
    """32 hexadecimal digits, the same on every device and in every layout of memory."""
    digest = hashlib.blake2b(digest_size=16)
    for name, value in sorted(module.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
