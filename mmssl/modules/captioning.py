"""A caption told word by word: what stands where, and how surprised a model is by it."""

import torch
from torch import Tensor
from torch.nn import functional

from mmssl.encoder import Encoder
from mmssl.errors import UsageError


def next_words(ids: Tensor, end: int) -> Tensor:
    """`[B, L]` ids, -1 is padding, to `[B, L + 1]` labels: the word to tell at each place, -1 where there is none.

    Place n has seen n words. After the last word comes `end`, but after L words nothing, since the caption may have
    been cut there; a caption without words has no label.
    """
    length = ids.shape[1]
    count = (ids >= 0).sum(1, keepdim=True)  # [B, 1]
    places = torch.arange(length + 1, device=ids.device)
    labels = torch.cat([ids, torch.full_like(ids[:, :1], -1)], 1)
    return labels.masked_fill((places == count) & (count > 0) & (count < length), end)


def surprise(logits: Tensor, labels: Tensor) -> Tensor:
    """`-log p(label)` `[B, L + 1]` float32, 0 where there is no label; logits `[B, L + 1, V]`."""
    return functional.cross_entropy(logits.float().transpose(1, 2), labels, ignore_index=-1, reduction="none")


def demand_causal(encoder: Encoder) -> None:
    """Refuse an encoder of text whose words see later ones: it would read the answer.

    Raises:
        UsageError: they do.
    """
    mode = encoder.training
    device = next(encoder.parameters()).device
    with torch.no_grad():
        one, other = (encoder.eval()(torch.tensor([words], device=device)) for words in ([1, 2, 3], [1, 2, 0]))
    encoder.train(mode)
    if not torch.allclose(one[:, :2], other[:, :2], atol=1e-5):
        name = type(encoder).__name__
        raise UsageError(f"{name} lets words see later ones, so a captioner would read its answer; give TextCausal")
