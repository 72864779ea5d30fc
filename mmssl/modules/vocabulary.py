"""From ids to vectors, with a sentence instead of an index error when tokenizer and encoder disagree."""

import torch
from torch import Tensor, nn

from mmssl.errors import UsageError


def check_ids(inputs: Tensor, size: int) -> None:
    """Refuse ids that a vocabulary of `size` does not hold.

    Raises:
        UsageError: an id is too large.
    """
    # On a GPU the check would wait for the device at every step, and the kernel asserts by itself.
    if inputs.device.type != "cpu" or torch.compiler.is_compiling() or inputs.numel() == 0:
        return
    largest = int(inputs.max())
    if largest >= size:
        raise UsageError(
            f"a caption holds token {largest} but the text encoder knows {size}: build it with the tokenizer's size."
        )


def look_up(embedding: nn.Embedding, inputs: Tensor) -> Tensor:
    """`[B, L]` ids, -1 for padding, to `[B, L, D]`; padding takes the vector of id 0, which a mask must hide.

    Raises:
        UsageError: an id is too large (on the processor).
    """
    check_ids(inputs, embedding.num_embeddings)
    vectors: Tensor = embedding(inputs.clamp(min=0))
    return vectors
