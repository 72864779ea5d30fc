"""A pretrained network of which the norms alone are trained, as TCC and others do with little data."""

from typing import TypeVar

from torch import nn

_NORMS = (nn.modules.batchnorm._BatchNorm, nn.GroupNorm, nn.LayerNorm)
M = TypeVar("M", bound=nn.Module)


def norms_only(network: M) -> M:
    """The network itself; scales and shifts of its norms stay as they were, all other parameters no longer train."""
    trained = {id(p) for m in network.modules() if isinstance(m, _NORMS) for p in m.parameters(recurse=False)}
    for parameter in network.parameters():
        if id(parameter) not in trained:
            parameter.requires_grad_(False)
    return network
