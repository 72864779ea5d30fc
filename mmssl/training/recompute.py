"""Features that are computed again in the backward pass instead of kept: the same loss and gradient in less memory.

Chen et al. 2016, "Training Deep Nets with Sublinear Memory Cost", section 4. It costs one more forward pass, about a
third of a step.
"""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint


@contextmanager
def _buffers_kept(block: nn.Module) -> Iterator[None]:
    """Copies stand in for the buffers, as batch normalization would count the same batch a second time into its own."""
    own = [(module, name, b) for module in block.modules() for name, b in module.named_buffers(recurse=False)]
    for module, name, buffer in own:
        setattr(module, name, buffer.clone())
    try:
        yield
    finally:
        for module, name, buffer in own:
            setattr(module, name, buffer)


def _recomputed(kind: type[nn.Module]) -> type[nn.Module]:
    def forward(self: nn.Module, *args: Any, **kwargs: Any) -> Any:
        plain = partial(kind.forward, self)
        if not torch.is_grad_enabled():
            return plain(*args, **kwargs)

        def contexts() -> tuple[AbstractContextManager[Any], AbstractContextManager[Any]]:
            return nullcontext(), _buffers_kept(self)

        # Random numbers are drawn again as they were, so dropout leaves out the same units.
        return checkpoint(plain, *args, use_reentrant=False, context_fn=contexts, **kwargs)

    return type(f"Recomputed{kind.__name__}", (kind,), {"forward": forward})


def recompute(blocks: Iterable[nn.Module]) -> None:
    """Keep of each block what goes in alone; names in the checkpoint stay the same."""
    for block in blocks:
        # In place, by its class: a wrapper would put its own name into every key, and a copy of the block stays right.
        block.__class__ = _recomputed(type(block))
